"""Which calls are traced: decided at the door, by the caller's own trace if its peer is trusted, by chance otherwise."""

import random

from gateway.call import Call
from gateway.call_trace import CallTrace
from openplatform.addresses import parse_address
from openplatform.env import Network
from openplatform.tracing import Span, TraceContext, Tracer, new_span_id, new_trace_id, read_traceparent

_ASKS_SERVICE = "InvokeService"
"""The stage whose span is the service's parent."""


class Traces:
    """tracer: None = spans go nowhere, and only the traces of trusted callers are handed on; ratio: of calls without a trace of
    their own, 0 to 1; trusted: peers whose traceparent counts."""

    def __init__(self, tracer: Tracer | None, *, ratio: float, trusted: tuple[Network, ...]) -> None:
        self._tracer = tracer
        self._ratio = ratio
        self._trusted = trusted

    def begin(self, call: Call, headers: list[tuple[bytes, bytes]], client: str) -> None:
        """Gives the call its trace, and its stages their stamps if it is sampled."""
        context = self._callers(headers, client) if self._trusted else None
        if context is None:
            if self._tracer is None:
                return
            context = TraceContext(new_trace_id(), 0, random.random() < self._ratio)  # noqa: S311  # a share, no secret
        is_recorded = context.is_sampled and self._tracer is not None
        call.trace = CallTrace(context, call.request_id, is_recorded=is_recorded)
        if is_recorded:
            call.stamps = []

    def record(self, call: Call, ended: float) -> None:
        """The spans of a call that has ended; ended: monotonic seconds."""
        trace, tracer = call.trace, self._tracer
        if trace is None or tracer is None or not trace.is_recorded:
            return
        trace_id, parent_id, _ = trace.context
        began_ns = int(call.received_at * 1e9)
        tracer.record(
            Span(
                "batch" if call.carries else _name(call),
                "server",
                trace_id,
                trace.span_id,
                parent_id,
                began_ns,
                began_ns + int((ended - call.started) * 1e9),
                _attributes(call),
                "" if call.error is None else call.error.log_code,
            )
        )
        at_ns = began_ns
        for stage, microseconds in call.stamps or ():
            ends_ns = at_ns + int(microseconds * 1000)
            asks = stage == _ASKS_SERVICE and call.service_ms is not None
            span_id = trace.service_span_id if asks else new_span_id()
            tracer.record(
                Span(
                    stage, "client" if asks else "internal", trace_id, span_id, trace.span_id, at_ns, ends_ns,
                    _of_service(call) if asks else {},
                )
            )  # fmt: skip
            at_ns = ends_ns

    def _callers(self, headers: list[tuple[bytes, bytes]], client: str) -> TraceContext | None:
        said = next((value for name, value in headers if name == b"traceparent"), None)
        if said is None:
            return None
        address = parse_address(client)
        if address is None or not any(address in network for network in self._trusted):
            return None
        return read_traceparent(said.decode("latin-1"))


def _name(call: Call) -> str:
    return "unknown" if call.route is None else call.route.route.api_name


def _attributes(call: Call) -> dict[str, str | int]:
    """Semantic conventions where there are some; nothing of a call's parameters."""
    return {
        "http.request.method": call.http_method,
        "http.route": _name(call),
        "http.response.status_code": call.status,
        "pailou.request_id": call.request_id,
        "pailou.error_code": "0" if call.error is None else call.error.log_code,
    }


def _of_service(call: Call) -> dict[str, str | int]:
    assert call.route is not None
    return {
        "http.request.method": call.route.route.http_method,
        "peer.service": call.route.route.service_id,
        "pailou.attempts": call.attempts,
    }
