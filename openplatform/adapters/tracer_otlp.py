"""Tracer over OTLP/HTTP: OpenTelemetry's own exporter, which a thread of its own feeds."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from openplatform import __version__
from openplatform.tracing import Span

PATH = "/v1/traces"
QUEUE_SPANS = 8192
"""Some 10 MB; past it the oldest are dropped."""
EVERY_S = 1.0
EXPORT_S = 3.0
"""A collector that does not answer by then, retries included, has lost the batch."""
_CLOSE_S = 4.0
_KINDS = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
_SCOPE = InstrumentationScope("pailou", __version__)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class OtlpTracer:
    """Spans that are recorded here are sampled; who samples decides before."""

    def __init__(self, processor: BatchSpanProcessor, service: str, node: str) -> None:
        self._processor = processor
        attributes = {"service.name": service, "service.version": __version__, "service.instance.id": node}
        self._resource = Resource(attributes)

    def record(self, span: Span) -> None:
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=_SAMPLED),
                parent=SpanContext(span.trace_id, span.parent_id, is_remote=True) if span.parent_id else None,
                resource=self._resource,
                attributes=span.attributes,
                kind=_KINDS[span.kind],
                status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
                start_time=span.start_ns,
                end_time=span.end_ns,
                instrumentation_scope=_SCOPE,
            )
        )


@asynccontextmanager
async def open_otlp_tracer(url: str, service: str, node: str) -> AsyncIterator[OtlpTracer]:
    """url: `http://collector:4318`, with another path than /v1/traces only if it says one. At the end what waits is sent."""
    endpoint = url if urlsplit(url).path.strip("/") else url.rstrip("/") + PATH
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)
    processor = BatchSpanProcessor(exporter, max_queue_size=QUEUE_SPANS, schedule_delay_millis=EVERY_S * 1000)
    try:
        yield OtlpTracer(processor, service, node)
    finally:
        # It may wait half a minute for a collector that hangs: nobody else should.
        closing = threading.Thread(target=processor.shutdown, name="last spans", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _CLOSE_S)
