"""One call's place in a trace: what its service and its record are told."""

from openplatform.tracing import TraceContext, new_span_id, span_id_of


class CallTrace:
    """context: the trace and whose span is the call's parent (span_id 0 = nobody's); is_recorded: this gateway tells a collector.

    span_id: the call's own span; service_span_id: the parent of what the service does. A span that nobody records is no parent:
    then the service hangs on the caller's.
    """

    __slots__ = ("context", "is_recorded", "service_span_id", "span_id")

    def __init__(self, context: TraceContext, request_id: str, *, is_recorded: bool) -> None:
        self.context = context
        self.is_recorded = is_recorded
        self.span_id = span_id_of(request_id)
        self.service_span_id = new_span_id() if is_recorded or not context.span_id else context.span_id

    @property
    def header(self) -> str:
        """The header line for the service."""
        return f"traceparent: {self.context._replace(span_id=self.service_span_id).traceparent}\r\n"

    @property
    def kept_id(self) -> str | None:
        """For the call's record: of a trace that somebody records."""
        return f"{self.context.trace_id:032x}" if self.context.is_sampled else None

    def of_part(self, request_id: str) -> "CallTrace":
        """Of one call of a batch."""
        parent = self.span_id if self.is_recorded else self.context.span_id
        return CallTrace(self.context._replace(span_id=parent), request_id, is_recorded=self.is_recorded)
