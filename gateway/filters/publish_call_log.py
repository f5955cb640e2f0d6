"""Stage 12, log: exactly one record of every call; the caller never waits for the broker."""

import re

from gateway.call import Call
from gateway.spool import LogSpool
from openplatform.ports import Clock
from openplatform.records import CallLog

MAX_CONTENT_CHARS = 8 * 1024
MASK = "***"

# By name and by pattern: secrets, personal and invoice data. Values never reach the record, so no store can leak them.
_SENSITIVE = re.compile(
    r"^sign$|session|token|secret|passw|pwd|credential|api_?key|private_?key|authorization"
    r"|^cons_(name|phone|mobile_phone|email|address)$|invoice|^vat|mobile|id_?card|bank",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAX_KNOWN_NAMES = 4096


class PublishCallLog:
    """Builds the record and hands it to the spool. serv_ip: this gateway's address; node: its name."""

    def __init__(self, logs: LogSpool, clock: Clock, *, serv_ip: str, node: str) -> None:
        self._logs = logs
        self._clock = clock
        self._serv_ip = serv_ip
        self._node = node
        self._plain_names: dict[str, str] = {}
        self._masked_names: dict[str, str] = {}

    def __call__(self, call: Call) -> None:
        if call.carries:
            return
        error = call.error
        params = call.params
        sensitive = call.route.route.sensitive if call.route is not None else ()
        content = self._content(params, sensitive)
        truncated = len(content) > MAX_CONTENT_CHARS
        self._logs.offer(
            CallLog(
                requestId=call.request_id,
                appkey=params.get("app_key", "")[:50],
                servIP=self._serv_ip,
                venderId=call.vender_id,
                remoteIp=call.remote_ip,
                # Names that callers make up would fill statistics with rubbish: only registered ones are kept whole.
                apiName=call.route.route.api_name
                if call.route is not None
                else _plain(params.get("method", "")[:100])[:100],
                platformRepTime=round((self._clock.monotonic() - call.started) * 1000),
                requestContent=content[:MAX_CONTENT_CHARS] if truncated else content,
                errorCode="0" if error is None else error.log_code[:128],
                receiveTime=int(call.received_at * 1000),
                serviceTime=None if call.service_ms is None else round(call.service_ms),
                httpMethod=call.http_method[:16],
                cached=call.cached,
                responseBytes=len(call.answer),
                gatewayNode=self._node,
                attempts=call.attempts,
                truncated=truncated,
            )
        )

    def _content(self, params: dict[str, str], sensitive: tuple[str, ...]) -> str:
        # Names that were seen before cost one look-up; only what must be masked takes the longer way.
        known = self._plain_names.get
        if sensitive:
            params = {name: MASK if name in sensitive else value for name, value in params.items()}
        parts = [start + value if (start := known(name)) else self._part(name, value) for name, value in params.items()]
        # One character past the cut says that there is more; escaping ten million of them would take seconds.
        return _plain("&".join(parts)[: MAX_CONTENT_CHARS + 1])

    def _part(self, name: str, value: str) -> str:
        part = self._masked_names.get(name)
        if part is not None:
            return part
        masked = _SENSITIVE.search(name) is not None
        names = self._masked_names if masked else self._plain_names
        start = f"{name}={MASK}" if masked else f"{name}="
        if len(names) < _MAX_KNOWN_NAMES:  # bounded: names are the caller's
            names[name] = start
        return start if masked else start + value


def _plain(text: str) -> str:
    """Control characters written as escapes: a log line stays one line, and no terminal obeys it."""
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
