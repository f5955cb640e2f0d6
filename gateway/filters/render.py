"""Stage 11, answer: envelope and format, for good ends and bad ones, then compression and headers for both."""

import gzip

from gateway.call import Call
from openplatform.errors import PLATFORM_UNAVAILABLE, REMOTE_PARSE_ERROR, UNKNOWN_ERROR, PlatformUnavailable
from openplatform.protocol import ErrorBody, render_error, render_success
from openplatform.protocol.answers import JSON_TYPE, XML_TYPE

GZIP_FROM_BYTES = 1400
"""About one packet: below it compression saves no round trip."""
GZIP_LEVEL = 1
"""Level 6 costs three times the CPU for a tenth fewer bytes on JSON."""

# Filled in at once: four headers as pairs, joined later, cost three times as much.
_ENDING = b"\r\nx-request-id: %b\r\ncontent-length: %d\r\n%b"
_JSON_HEAD = b"content-type: " + JSON_TYPE + b"\r\nx-content-type-options: nosniff" + _ENDING
_XML_HEAD = b"content-type: " + XML_TYPE + _ENDING
_BATCH_HEAD = b"content-type: text/plain;charset=UTF-8\r\nx-content-type-options: nosniff" + _ENDING


class RenderAnswer:
    """Puts the service's JSON into the envelope of the format asked for; a body that is no JSON object is the service's fault."""

    def __call__(self, call: Call) -> None:
        assert call.route is not None
        try:
            call.answer = render_success(
                call.service_body,
                root=call.route.root,
                request_id=call.request_id,
                as_json=call.as_json,
                simplify=call.simplify,
                list_items=call.route.route.list_items,
            )
        except (ValueError, RecursionError):
            raise REMOTE_PARSE_ERROR() from None


class RenderError:
    """Puts call.error into the error envelope; HTTP 200 unless the app asked for real status codes."""

    def __call__(self, call: Call) -> None:
        error = call.error or UNKNOWN_ERROR()
        sub_msg, retry_after_s = error.sub_msg, error.retry_after_s
        if isinstance(error, PlatformUnavailable):
            # Which store is down, and how, is for our own eyes.
            sub_msg, retry_after_s = PLATFORM_UNAVAILABLE.sub_msg, retry_after_s or 1
        body = ErrorBody(error.code, error.msg, error.sub_code, sub_msg, call.request_id)
        call.answer = render_error(body, as_json=call.as_json)
        call.status = 200
        if call.app is not None and call.app.app.real_status_codes:
            call.status = error.http_status
        headers = call.headers
        if retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % retry_after_s))
        for name, value in error.headers.items():
            headers.append((name.lower().encode(), value.encode()))


class FinishAnswer:
    """Headers of every answer; gzip only when Accept-Encoding asks for it."""

    def __call__(self, call: Call) -> None:
        encoding = b""
        if call.accepts_gzip:
            encoding = b"vary: accept-encoding\r\n"
            if len(call.answer) >= GZIP_FROM_BYTES:
                call.answer = gzip.compress(call.answer, GZIP_LEVEL, mtime=0)
                encoding = b"vary: accept-encoding\r\ncontent-encoding: gzip\r\n"
        head = _JSON_HEAD if call.as_json else _XML_HEAD
        if call.carries and call.error is None:
            head = _BATCH_HEAD
        call.head = head % (call.request_id.encode(), len(call.answer), encoding)
