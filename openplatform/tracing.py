"""Traces over processes: what a call carries of its trace, as W3C's Trace Context says, and what a process tells of its part."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from typing import Literal, NamedTuple, Protocol

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

Kind = Literal["server", "client", "consumer", "internal"]


class TraceContext(NamedTuple):
    """trace_id: 128 bits, of the whole trace; span_id: 64 bits, of whoever calls; is_sampled: somebody records it."""

    trace_id: int
    span_id: int
    is_sampled: bool

    @property
    def traceparent(self) -> str:
        """The header's value."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.is_sampled:02x}"


class Span(NamedTuple):
    """A piece of work in a trace. parent_id 0 = it is the first; start_ns, end_ns: epoch ns; error: "" = it went well."""

    name: str
    kind: Kind
    trace_id: int
    span_id: int
    parent_id: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str | int] = {}
    error: str = ""


class Tracer(Protocol):
    """Takes spans to where traces are kept."""

    def record(self, span: Span) -> None:
        """Never waits, never fails; what there is no room for is dropped."""


_current: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


@contextmanager
def handed_on(context: TraceContext) -> Iterator[None]:
    """What is called inside goes on with this trace."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def trace_headers() -> dict[str, str]:
    """For calls of other services: the trace of the call that is being answered, if it has one."""
    context = _current.get()
    return {} if context is None else {"traceparent": context.traceparent}


def read_traceparent(text: str) -> TraceContext | None:
    """None unless the text is what the standard allows; versions to come may have more behind what is known."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & 1))


def new_trace_id() -> int:
    """Random, never 0."""
    return secrets.randbits(128) or 1


def new_span_id() -> int:
    """Random, never 0."""
    return secrets.randbits(64) or 1


def span_id_of(request_id: str) -> int:
    """The gateway's span of a call: whoever has the call's record has it too, and hangs its own span on it."""
    return int.from_bytes(blake2b(request_id.encode(), digest_size=8).digest()) or 1
