"""A search or statistics request as it comes over HTTP, checked and turned into a query."""

import ipaddress
import re

from starlette.datastructures import QueryParams

from openplatform.arguments import whole_number
from openplatform.records import LogQuery
from openplatform.web import invalid, missing

MAX_RANGE_MS = 31 * 86_400_000
MAX_MS = 253_402_300_799_999  # the year 9999
MAX_SIZE = 100
MAX_APP_KEYS = 1_000
"""A search by an application's name is one by all app_keys of that name."""
MAX_KEYWORDS = 20
MAX_Q = 2_000
MAX_TEXT = 512

_KEYWORD = re.compile(r'"([^"]*)"|([^\s"]+)')
_SEARCH = frozenset(
    [
        "from_ms",
        "to_ms",
        "api_name",
        "vender_id",
        "error",
        "remote_ip",
        "request_id",
        "min_ms",
        "max_ms",
        "q",
        "size",
        "cursor",
        "app_key",
    ]
)
_STATS = frozenset(("from_ms", "to_ms", "api_name"))


def log_query(params: QueryParams) -> LogQuery:
    """The query of GET /logs. Raises a 400 ServiceRejected that names the parameter."""
    _check_names(params, _SEARCH, repeatable="app_key")
    from_ms, to_ms = _range(params)
    app_keys = tuple(dict.fromkeys(params.getlist("app_key")))
    if len(app_keys) > MAX_APP_KEYS or any(not 0 < len(key) <= MAX_TEXT for key in app_keys):
        raise invalid("app_key", f"must be 1 to {MAX_TEXT} characters, at most {MAX_APP_KEYS} of them")
    min_ms, max_ms = _number(params, "min_ms"), _number(params, "max_ms")
    if min_ms is not None and max_ms is not None and min_ms > max_ms:
        raise invalid("min_ms", "must not be above max_ms")
    size = _number(params, "size", low=1, high=MAX_SIZE)
    return LogQuery(
        from_ms=from_ms,
        to_ms=to_ms,
        app_keys=app_keys,
        api_name=_text(params, "api_name"),
        vender_id=_number(params, "vender_id"),
        error=_text(params, "error"),
        remote_ip=_address(params, "remote_ip"),
        request_id=_text(params, "request_id"),
        min_ms=min_ms,
        max_ms=max_ms,
        keywords=_keywords(params),
        size=20 if size is None else size,
        cursor=_text(params, "cursor", longest=2_000),
    )


def stats_range(params: QueryParams) -> tuple[int, int, str | None]:
    """(from_ms, to_ms, api_name) of GET /stats. Raises a 400 ServiceRejected."""
    _check_names(params, _STATS)
    return (*_range(params), _text(params, "api_name"))


def keywords_of(text: str) -> tuple[str, ...]:
    """Words, and "phrases in quotes"; a quote without its partner is no quote, an empty phrase is nothing."""
    found = [(phrase or word).strip() for phrase, word in _KEYWORD.findall(text)]
    return tuple(dict.fromkeys(keyword for keyword in found if keyword))


def _check_names(params: QueryParams, known: frozenset[str], *, repeatable: str = "") -> None:
    names = [name for name, _ in params.multi_items()]
    for name in names:
        if name not in known:
            # A misspelt condition that is passed over would show more than was asked for.
            raise invalid(name[:50], "is not a parameter of this request")
        if name != repeatable and names.count(name) > 1:
            raise invalid(name, "must be given once")


def _range(params: QueryParams) -> tuple[int, int]:
    from_ms, to_ms = (_number(params, name, high=MAX_MS) for name in ("from_ms", "to_ms"))
    if from_ms is None:
        raise missing("from_ms")
    if to_ms is None:
        raise missing("to_ms")
    if from_ms >= to_ms:
        raise invalid("to_ms", "must be after from_ms")
    if to_ms - from_ms > MAX_RANGE_MS:
        raise invalid("to_ms", "must be at most 31 days after from_ms")
    return from_ms, to_ms


def _number(params: QueryParams, name: str, *, low: int = 0, high: int = 10**18 - 1) -> int | None:
    value = params.get(name)
    return None if value is None else whole_number(name, value, low=low, high=high)


def _text(params: QueryParams, name: str, *, longest: int = MAX_TEXT) -> str | None:
    value = params.get(name)
    if value is not None and not 0 < len(value) <= longest:
        raise invalid(name, f"must have 1 to {longest} characters")
    return value


def _address(params: QueryParams, name: str) -> str | None:
    value = _text(params, name)
    if value is None:
        return None
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise invalid(name, "must be an IPv4 or IPv6 address") from None
    if getattr(address, "scope_id", None):
        raise invalid(name, "must be an address without a zone")
    return str(address)


def _keywords(params: QueryParams) -> tuple[str, ...]:
    text = params.get("q", "")
    if len(text) > MAX_Q:
        raise invalid("q", f"must have at most {MAX_Q} characters")
    keywords = keywords_of(text)
    if len(keywords) > MAX_KEYWORDS:
        raise invalid("q", f"must have at most {MAX_KEYWORDS} keywords")
    return keywords
