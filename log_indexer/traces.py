"""The last part of a call's trace: its record's way from the queue into the store."""

import re
import time

from log_indexer.batch import Batch
from openplatform.tracing import Span, Tracer, new_span_id, span_id_of

_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def trace_indexed(tracer: Tracer, batch: Batch) -> None:
    """A span for each record of a traced call, below the gateway's; called when the batch is settled."""
    ends_ns = time.time_ns()
    began_ns = ends_ns - int((time.monotonic() - batch.taken_at) * 1e9)
    for record in batch.records:
        if record.traceId and _TRACE_ID.fullmatch(record.traceId):
            tracer.record(
                Span(
                    "index call log", "consumer", int(record.traceId, 16), new_span_id(), span_id_of(record.requestId),
                    began_ns, ends_ns, {"pailou.request_id": record.requestId, "pailou.batch_records": len(batch.records)},
                )
            )  # fmt: skip
