"""A search, histogram or statistics request as it comes over HTTP, checked and turned into a query."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Any, cast, get_args

from starlette.datastructures import QueryParams

from log_indexer.intervals import interval_of
from openplatform.arguments import whole_number
from openplatform.records import LogConditions, LogQuery, LogSort, StatsBy, StatsQuery
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
_CONDITIONS = frozenset(
    (
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
        "app_key",
    )
)
_DAY_MS = 86_400_000


def log_query(params: QueryParams) -> LogQuery:
    """The query of GET /logs. Raises a 400 ServiceRejected that names the parameter."""
    conditions = _conditions(params, "size", "cursor", "sort")
    size = _number(params, "size", low=1, high=MAX_SIZE)
    return LogQuery(
        **conditions,
        sort=cast(LogSort, _choice(params, "sort", get_args(LogSort))),
        size=20 if size is None else size,
        cursor=_text(params, "cursor", longest=2_000),
    )


def log_conditions(params: QueryParams) -> LogConditions:
    """The conditions of GET /logs/export. Raises a 400 ServiceRejected."""
    return LogConditions(**_conditions(params))


def histogram_conditions(params: QueryParams) -> tuple[LogConditions, int, int]:
    """(conditions, interval_ms, offset_ms) of GET /logs/histogram. Raises a 400 ServiceRejected."""
    conditions = LogConditions(**_conditions(params, "offset_ms"))
    return conditions, interval_of(conditions.from_ms, conditions.to_ms), _offset(params)


def stats_query(params: QueryParams) -> StatsQuery:
    """The query of GET /stats. Raises a 400 ServiceRejected."""
    conditions = _conditions(params, "by", "offset_ms")
    return StatsQuery(
        **conditions,
        by=cast(StatsBy, _choice(params, "by", get_args(StatsBy))),
        interval_ms=interval_of(conditions["from_ms"], conditions["to_ms"]),
        offset_ms=_offset(params),
    )


def keywords_of(text: str) -> tuple[str, ...]:
    """Words, and "phrases in quotes"; a quote without its partner is no quote, an empty phrase is nothing.

    Raises a 400 ServiceRejected for what could only disappoint: wildcards, and keywords without a letter or digit.
    """
    found = [(phrase.strip(), word) for phrase, word in _KEYWORD.findall(text)]
    for phrase, word in found:
        if len(word) > 1 and (word[0] == "*" or word[-1] == "*"):
            raise invalid(
                "q", f'has a wildcard in {word[:50]}: write whole words, or put it in "quotes" to find the star'
            )
        if (phrase or word) and not any(character.isalnum() or character == "_" for character in phrase or word):
            raise invalid("q", f"has no letter or digit in {(phrase or word)[:50]}: only words are found")
    return tuple(dict.fromkeys(keyword for phrase, word in found if (keyword := phrase or word)))


def _conditions(params: QueryParams, *others: str) -> dict[str, Any]:
    """The fields of LogConditions; others: what else this request takes."""
    _check_names(params, _CONDITIONS.union(others), repeatable="app_key")
    from_ms, to_ms = _range(params)
    app_keys = tuple(dict.fromkeys(params.getlist("app_key")))
    if len(app_keys) > MAX_APP_KEYS or any(not 0 < len(key) <= MAX_TEXT for key in app_keys):
        raise invalid("app_key", f"must be 1 to {MAX_TEXT} characters, at most {MAX_APP_KEYS} of them")
    min_ms, max_ms = _number(params, "min_ms"), _number(params, "max_ms")
    if min_ms is not None and max_ms is not None and min_ms > max_ms:
        raise invalid("min_ms", "must not be above max_ms")
    return {
        "from_ms": from_ms,
        "to_ms": to_ms,
        "app_keys": app_keys,
        "api_name": _text(params, "api_name"),
        "vender_id": _number(params, "vender_id"),
        "error": _text(params, "error"),
        "remote_ip": _addresses(params, "remote_ip"),
        "request_id": _text(params, "request_id"),
        "min_ms": min_ms,
        "max_ms": max_ms,
        "keywords": _keywords(params),
    }


def _check_names(params: QueryParams, known: frozenset[str], *, repeatable: str) -> None:
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


def _offset(params: QueryParams) -> int:
    """0 to less than a day: what is behind UTC is ahead of it by the rest of a day."""
    return _number(params, "offset_ms", high=_DAY_MS - 1) or 0


def _text(params: QueryParams, name: str, *, longest: int = MAX_TEXT) -> str | None:
    value = params.get(name)
    if value is not None and not 0 < len(value) <= longest:
        raise invalid(name, f"must have 1 to {longest} characters")
    return value


def _choice(params: QueryParams, name: str, options: Sequence[str]) -> str:
    """One of the options, the first one when not given."""
    value = params.get(name, options[0])
    if value not in options:
        raise invalid(name, f"must be one of {', '.join(options)}")
    return value


def _addresses(params: QueryParams, name: str) -> str | None:
    value = _text(params, name)
    if value is None:
        return None
    try:
        if "%" in value:
            raise ValueError("a zone means nothing to the gateway")
        # Whoever writes 10.1.2.3/8 means the network that it is in.
        return str(ipaddress.ip_network(value, strict=False) if "/" in value else ipaddress.ip_address(value))
    except ValueError:
        raise invalid(name, "must be an IPv4 or IPv6 address without a zone, or a network such as 10.0.0.0/8") from None


def _keywords(params: QueryParams) -> tuple[str, ...]:
    text = params.get("q", "")
    if len(text) > MAX_Q:
        raise invalid("q", f"must have at most {MAX_Q} characters")
    keywords = keywords_of(text)
    if len(keywords) > MAX_KEYWORDS:
        raise invalid("q", f"must have at most {MAX_KEYWORDS} keywords")
    return keywords
