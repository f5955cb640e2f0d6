"""One call on its way through the pipeline: what the filters know of it and tell each other."""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.answer_cache import Flight
from gateway.call_trace import CallTrace
from gateway.catalog_entries import AppEntry, RouteEntry
from openplatform.errors import OpenPlatformError
from openplatform.records import Grant, QuotaVerdict


class Call:
    """Fields are grouped by who writes them; a filter reads only what stages before it wrote."""

    __slots__ = (
        "accepts_gzip", "answer", "app", "as_json", "attempts", "body", "breaker_is_open", "cached", "content_type", "error",
        "fallback", "flight", "given_up", "grant", "guarded_s", "head", "headers", "http_method", "params", "query", "received_at",
        "remote_ip", "request_id", "route", "service_body", "service_ms", "shows_stamps", "signed_body", "simplify", "stale_body",
        "stamps", "started", "status", "too_large", "trace", "vender_id", "verdict",
    )  # fmt: skip

    carries = 0
    """Calls inside this one, each with a record of its own; 0 = it is one itself."""

    def __init__(
        self,
        *,
        request_id: str,
        http_method: str,
        query: bytes,
        content_type: str,
        body: bytes,
        remote_ip: str,
        received_at: float,
        started: float,
        accepts_gzip: bool = False,
        too_large: bool = False,
    ) -> None:
        # the door: received_at is epoch seconds, started the monotonic clock's; shows_stamps: stamps go into the answer's header
        self.request_id = request_id
        self.http_method = http_method
        self.query = query
        self.content_type = content_type
        self.body = body
        self.remote_ip = remote_ip
        self.received_at = received_at
        self.started = started
        self.accepts_gzip = accepts_gzip
        self.too_large = too_large
        self.stamps: list[tuple[str, float]] | None = None
        self.shows_stamps = False
        self.trace: CallTrace | None = None
        # ValidateParams
        self.params: dict[str, str] = {}
        self.signed_body = b""
        self.as_json = False
        self.simplify = False
        self.route: RouteEntry | None = None
        # IdentifyApp
        self.app: AppEntry | None = None
        # CheckPermission: None = the API is open, and nothing in particular was granted
        self.grant: Grant | None = None
        # AuthenticateSession: None when the API needs no session
        self.vender_id: int | None = None
        # LimitCalls
        self.verdict: QuotaVerdict | None = None
        # AnswerFromCache: cached = the answer is one that was fetched for another call; flight = this call fetches for others;
        # stale_body = an answer whose time is over, for ServeStale; fallback: what stood in for the service, "" = nothing
        self.cached = False
        self.flight: Flight | None = None
        self.stale_body = b""
        self.fallback = ""
        # GuardReplay: how long this call's signature stays used, 0 = it is not guarded
        self.guarded_s = 0
        # AnswerBuiltIn or InvokeService: the answer's JSON object as it came; service_ms None = no service was asked
        self.service_body = b""
        self.service_ms: float | None = None
        self.attempts = 0
        # InvokeService: a breaker kept the call from its service
        self.breaker_is_open = False
        # the runner: given_up = nobody waits for an answer any more
        self.error: OpenPlatformError | None = None
        self.given_up = False
        # RenderAnswer or RenderError, then FinishAnswer; head: the answer's header lines, each with its line end; headers: more
        self.answer = b""
        self.head = b""
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """The answer's headers as pairs."""
        lines = (line.partition(b": ") for line in self.head.split(b"\r\n")[:-1])
        return [(name, value) for name, _, value in lines] + self.headers

    @property
    def has_failed(self) -> bool:
        """False once an error stage has taken the error away."""
        return self.error is not None


class Batch(Call):
    """A request that carries calls, joined by `separator` (the door's). carries: RunBatch's, as soon as they are under way."""

    __slots__ = ("carries", "separator")

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.separator = b""
        self.carries = 0


Filter = Callable[[Call], Awaitable[None] | None]
"""A stage: returns None, or something to await when it must wait; rejects by raising an OpenPlatformError."""
