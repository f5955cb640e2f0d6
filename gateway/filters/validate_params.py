"""Stage 1, parameters: method, encoding, size; system parameters present and of their types; the API known and available.

A batch and the calls it carries are checked by the same rules, each half where it belongs: what is signed once with the batch,
what each call names with the call.
"""

from collections.abc import Mapping

from gateway.call import Call
from gateway.catalog import Catalog
from openplatform.errors import (
    ACTION_NOT_ALLOWED,
    INVALID_ARGUMENT,
    INVALID_FORMAT,
    INVALID_METHOD,
    INVALID_TIMESTAMP,
    INVALID_VERSION,
    MISSING_APP_KEY,
    MISSING_ARGUMENT,
    MISSING_METHOD,
    MISSING_SIGNATURE,
    MISSING_TIMESTAMP,
    MISSING_VERSION,
    PLATFORM_UNAVAILABLE,
    UPLOAD_FAIL,
    CallRejected,
)
from openplatform.ports import Clock
from openplatform.protocol import joined, parse_request, parse_timestamp, read_part


class _Validator:
    """window_s: how far a timestamp may be from our clock, unless the API says; max_params: of one call."""

    def __init__(self, catalog: Catalog, clock: Clock, *, window_s: int, max_params: int) -> None:
        self._catalog = catalog
        self._clock = clock
        self._window_s = window_s
        self._max_params = max_params


class ValidateParams(_Validator):
    """Reads the parameters and finds the route."""

    def __call__(self, call: Call) -> None:
        try:
            if call.http_method not in ("POST", "GET"):
                raise ACTION_NOT_ALLOWED()
            if call.too_large:
                raise UPLOAD_FAIL()
            parsed = parse_request(call.query, call.body, call.content_type, max_params=self._max_params)
        except CallRejected:
            _guess_format(call)
            raise
        call.params = parsed.params
        call.signed_body = parsed.signed_body
        _read_format(call)
        if not parsed.params.get("method"):
            raise MISSING_METHOD()
        _check_signed(parsed.params)
        _find_route(call, self._catalog, self._clock, self._window_s)


class ValidateBatch(_Validator):
    """The same for a batch: system parameters in the query, no API of its own, the raw body signed whatever its type."""

    def __call__(self, call: Call) -> None:
        try:
            if call.http_method != "POST":
                raise ACTION_NOT_ALLOWED("use POST")
            if call.too_large:
                raise UPLOAD_FAIL()
            call.params = parse_request(call.query, b"", "", max_params=self._max_params).params
        except CallRejected:
            _guess_format(call)
            raise
        call.signed_body = call.body
        _read_format(call)
        _check_signed(call.params)
        if not self._catalog.is_loaded:
            raise PLATFORM_UNAVAILABLE()
        _check_time(call.params["timestamp"], self._clock, self._window_s)


class ValidatePart(_Validator):
    """The same for one call of a batch, whose signature was checked already; call.params holds what the batch said for all."""

    def __call__(self, call: Call) -> None:
        call.params = joined(call.params, read_part(call.body, max_params=self._max_params))
        if not call.params.get("method"):
            raise MISSING_METHOD()
        _find_route(call, self._catalog, self._clock, self._window_s)


def _guess_format(call: Call) -> None:
    """Without parameters, a look at the raw bytes tells in which format to answer."""
    call.as_json = b"format=json" in call.query or b"format=json" in call.body[:65536]


def _read_format(call: Call) -> None:
    get = call.params.get
    answer_format = get("format") or "xml"  # the protocol's default
    call.as_json = answer_format == "json"
    if not call.as_json and answer_format != "xml":
        raise INVALID_FORMAT()
    call.simplify = call.as_json and get("simplify") in ("true", "1")


def _check_signed(params: Mapping[str, str]) -> None:
    """What every signature stands on is there."""
    get = params.get
    if not get("app_key"):
        raise MISSING_APP_KEY()
    if not get("timestamp"):
        raise MISSING_TIMESTAMP()
    version = get("v")
    if not version:
        raise MISSING_VERSION()
    if not get("sign"):
        raise MISSING_SIGNATURE()
    if version != "2.0":
        raise INVALID_VERSION()


def _find_route(call: Call, catalog: Catalog, clock: Clock, window_s: int) -> None:
    params = call.params
    route = call.route = catalog.routes.get(params["method"])
    if route is None or not route.route.enabled:
        if not catalog.is_loaded:
            raise PLATFORM_UNAVAILABLE()
        raise INVALID_METHOD()
    _check_time(params["timestamp"], clock, route.route.timestamp_window_s or window_s)
    for name, is_required, fits, demand in catalog.checked:
        value = params.get(name)
        if not value:
            if is_required:
                raise MISSING_ARGUMENT(name=name)
        elif fits is not None and not fits(value):
            raise INVALID_ARGUMENT(f"the parameter {name} {demand}", name=name)


def _check_time(timestamp: str, clock: Clock, window_s: int) -> None:
    try:
        distance_s = abs(parse_timestamp(timestamp) - clock.now())
    except (ValueError, OverflowError):
        raise INVALID_TIMESTAMP(window_s=window_s) from None
    if distance_s > window_s:
        raise INVALID_TIMESTAMP(window_s=window_s)
