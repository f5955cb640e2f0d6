"""Stage 12, log: exactly one record of every call; the caller never waits for the broker."""

from gateway.call import Call
from gateway.request_content import RequestContent, plain
from gateway.spool import LogSpool
from openplatform.ports import Clock
from openplatform.records import CallLog


class PublishCallLog:
    """Builds the record and hands it to the spool. serv_ip: this gateway's address; node: its name."""

    def __init__(self, logs: LogSpool, clock: Clock, *, serv_ip: str, node: str) -> None:
        self._offer = logs.offer
        self._monotonic = clock.monotonic
        self._serv_ip = serv_ip
        self._node = node
        self._content = RequestContent().of

    def __call__(self, call: Call) -> None:
        if call.carries:
            return
        error, entry, app, params, service_ms = call.error, call.route, call.app, call.params, call.service_ms
        if entry is None:
            # Names that callers make up would fill statistics with rubbish: only registered ones are kept whole.
            api_name = plain(params.get("method", "")[:100])[:100]
            content, truncated = self._content(params)
        else:
            route = entry.route
            api_name = route.api_name
            content, truncated = self._content(params, route.sensitive)
        self._offer(
            # In the order of CallLog's fields: seventeen keywords would take as long as everything else here.
            CallLog(
                call.request_id,
                plain(params.get("app_key", "")[:50])[:50] if app is None else app.app.app_key,
                self._serv_ip,
                call.vender_id,
                call.remote_ip,
                api_name,
                int((self._monotonic() - call.started) * 1000 + 0.5),  # round() takes three times as long
                content,
                "0" if error is None else error.log_code[:128],
                int(call.received_at * 1000),
                0,  # createTime: the indexer's
                None if service_ms is None else int(service_ms + 0.5),
                call.http_method[:16],
                len(call.answer),
                call.cached,
                self._node,
                call.attempts,
                None if call.trace is None else call.trace.kept_id,
                truncated,
            )
        )
