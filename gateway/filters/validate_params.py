"""Stage 1, parameters: method, encoding, size; system parameters present and well-formed; the API known and available."""

from gateway.call import Call
from gateway.catalog import Catalog
from openplatform.errors import (
    ACTION_NOT_ALLOWED,
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
from openplatform.protocol import parse_request, parse_timestamp


class ValidateParams:
    """Reads the parameters and finds the route. window_s: how far a timestamp may be from our clock, unless the API says."""

    def __init__(self, catalog: Catalog, clock: Clock, *, window_s: int, max_params: int) -> None:
        self._catalog = catalog
        self._clock = clock
        self._window_s = window_s
        self._max_params = max_params

    def __call__(self, call: Call) -> None:
        try:
            if call.http_method not in ("POST", "GET"):
                raise ACTION_NOT_ALLOWED()
            if call.too_large:
                raise UPLOAD_FAIL()
            parsed = parse_request(call.query, call.body, call.content_type, max_params=self._max_params)
        except CallRejected:
            # Without parameters, a look at the raw bytes tells in which format to answer.
            call.as_json = b"format=json" in call.query or b"format=json" in call.body[:65536]
            raise
        params = call.params = parsed.params
        call.signed_body = parsed.signed_body
        get = params.get

        answer_format = get("format") or "xml"  # the protocol's default
        call.as_json = answer_format == "json"
        if not call.as_json and answer_format != "xml":
            raise INVALID_FORMAT()
        call.simplify = call.as_json and get("simplify") in ("true", "1")

        api_name = get("method")
        if not api_name:
            raise MISSING_METHOD()
        if not get("app_key"):
            raise MISSING_APP_KEY()
        timestamp = get("timestamp")
        if not timestamp:
            raise MISSING_TIMESTAMP()
        version = get("v")
        if not version:
            raise MISSING_VERSION()
        if not get("sign"):
            raise MISSING_SIGNATURE()
        if version != "2.0":
            raise INVALID_VERSION()

        catalog = self._catalog
        route = call.route = catalog.routes.get(api_name)
        if route is None or not route.route.enabled:
            if not catalog.is_loaded:
                raise PLATFORM_UNAVAILABLE()
            raise INVALID_METHOD()
        window_s = route.route.timestamp_window_s or self._window_s
        try:
            distance_s = abs(parse_timestamp(timestamp) - self._clock.now())
        except (ValueError, OverflowError):
            raise INVALID_TIMESTAMP(window_s=window_s) from None
        if distance_s > window_s:
            raise INVALID_TIMESTAMP(window_s=window_s)
        for name in catalog.required:
            if not get(name):
                raise MISSING_ARGUMENT(name=name)
