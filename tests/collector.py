"""An OpenTelemetry collector in the test's own process: takes traces over OTLP/HTTP, decodes and keeps them."""

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class Seen:
    """A span as it came; ids in hex, parent "" = none."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    nanoseconds: int
    is_error: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """Listens while inside; spans: all that came; paths: where to."""

    spans: list[Seen] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.paths.add(self.path)
                collector.spans += spans_of(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def spans_of(request: ExportTraceServiceRequest) -> list[Seen]:
    """All spans of one export."""
    return [
        Seen(
            service=next(a.value.string_value for a in group.resource.attributes if a.key == "service.name"),
            name=span.name,
            kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
            is_error=span.status.code == Status.STATUS_CODE_ERROR,
            attributes={a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes},
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
