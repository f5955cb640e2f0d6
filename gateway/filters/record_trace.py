"""Tells the collector of a traced call: its span, and one for each stage."""

from gateway.call import Call
from gateway.tracing import Traces
from openplatform.ports import Clock


class RecordTrace:
    """In the list only while traces are switched on."""

    def __init__(self, traces: Traces, clock: Clock) -> None:
        self._traces = traces
        self._clock = clock

    def __call__(self, call: Call) -> None:
        if call.trace is not None:
            self._traces.record(call, self._clock.monotonic())
