"""A service's part in a trace: the call that came with one goes on with it, and leaves a span."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openplatform.tracing import Span, TraceContext, Tracer, handed_on, new_span_id, read_traceparent


class TraceCalls:
    """Pure ASGI: a call that carries a trace goes on with it to other services, and leaves a span with the tracer if it is sampled."""

    def __init__(self, app: ASGIApp, tracer: Tracer | None) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"] if scope["type"] == "http" else ()
        said = next((value for name, value in headers if name == b"traceparent"), b"")
        parent = read_traceparent(said.decode("latin-1")) if said else None
        if parent is None:
            await self._app(scope, receive, send)
        elif self._tracer is None or not parent.is_sampled:
            with handed_on(parent):
                await self._app(scope, receive, send)
        else:
            await self._recorded(self._tracer, parent, scope, receive, send)

    async def _recorded(self, tracer: Tracer, parent: TraceContext, scope: Scope, receive: Receive, send: Send) -> None:
        own, status, began_ns = parent._replace(span_id=new_span_id()), 500, time.time_ns()

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            with handed_on(own):
                await self._app(scope, receive, noting)
        finally:
            api = next((value for name, value in scope["headers"] if name == b"x-api-name"), b"")
            tracer.record(
                Span(
                    api.decode("latin-1") or scope["path"], "server", own.trace_id, own.span_id, parent.span_id, began_ns,
                    time.time_ns(), {"http.request.method": scope["method"], "http.response.status_code": status},
                    f"status {status}" if status >= 500 else "",
                )
            )  # fmt: skip
