"""The way of a call past ASGI: plain arguments in, a plain answer out."""

from collections.abc import Awaitable
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.front.request import Head, Headers
from gateway.turn_end import TurnEnd

LANE = "lane"
"""Where the front looks for a Lane: an application under a server of the ASGI family leaves it in the lifespan's state."""


class LaneCall(Protocol):
    """A request on the lane; once it has run, status, headers and body of its answer. Headers with content-length, and with nothing
    about the connection or transfer. head: lines, each with its line end; headers: more of them, as pairs."""

    status: int
    head: bytes
    headers: Headers
    answer: bytes


class Lane(Protocol):
    """Answers the requests for one path. ASGI's scope, messages and nested calls cost as much as a stage of the pipeline.

    turn_end: how answers leave, those of the other paths too.
    """

    lane_path: bytes
    turn_end: TurnEnd

    def read_head(self, method: str, query: bytes, headers: Headers) -> Any:
        """What the lane wants to know of a head; the same head is read once. headers: names in lower case."""

    def receive(self, head: Any, body: bytes, client: str) -> Any:
        """The LaneCall of a request. head: from read_head; client: the peer's address, without port."""

    def run(self, call: Any) -> Awaitable[None]:
        """Brings the call to its answer."""


def render(call: LaneCall, head: Head, default_head: bytes, is_last: bool) -> tuple[bytes, bool]:
    """The answer's bytes, and whether the connection stays open after it. head: the request's; default_head: lines of every answer;
    is_last: the connection ends with it. Raises RuntimeError when one of `headers` holds a line break: an answer must not say a
    second one.
    """
    lines, headers = call.head, call.headers
    if headers:
        more = b"".join([b"%b: %b\r\n" % header for header in headers])
        if more.count(b"\n") > len(headers) or more.count(b"\r") > len(headers):
            raise RuntimeError("a header of the answer holds a line break")
        lines += more
    is_kept = head.keep_alive and not is_last
    end = b"\r\n" if is_kept else b"connection: close\r\n\r\n"
    body = b"" if head.method == "HEAD" else call.answer
    return b"%b%b%b%b%b" % (STATUS_LINE[call.status], default_head, lines, end, body), is_kept
