"""The test bench: a call signed with an app's own secret, sent to the gateway as an ISV would send it, with the time of each stage."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import httpx
from pydantic import Field, StringConstraints

from admin_api.apps.service.apps import seal_context
from admin_api.apps.service.tokens import hash_token
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem, invalid_field
from admin_api.tables.apps import app_info
from admin_api.tables.rows import RowMissing, fetch_row
from admin_api.tables.shapes import Body, BodyId
from openplatform import stage_times
from openplatform.ports import Clock
from openplatform.sealing import Seal
from openplatform.signed_call import SignedCall, sign_call

SESSION_S = 60
"""A session that the bench makes lives so long: for one call, and an operator who looks at it."""
_DEADLINE_S = 65.0  # past the longest timeout that an API may have
_SHOWN_BYTES = 64 * 1024

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Text = Annotated[str, StringConstraints(max_length=20_000)]


class Trial(Body):
    """A call to try. params: business parameters, and system parameters that replace what is right, such as a timestamp.

    session: a token; user_id: a merchant in whose name a session of a minute is made, for operators who may add tokens.
    """

    app_id: BodyId
    api_name: Name
    params: Annotated[dict[Name, Text], Field(max_length=200)] = {}
    session: Annotated[str, StringConstraints(max_length=300)] = ""
    user_id: BodyId | None = None
    format: Literal["json", "xml"] = "json"
    sign_method: Literal["md5", "hmac", "hmac-sha256"] = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class Caller:
    """As whom a call is tried."""

    app_key: str
    secret: str
    session: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What came back. body: at most 64 KiB; stages: names and microseconds, empty when the gateway did not say; elapsed_ms: as
    the caller waited."""

    status: int
    content_type: str
    body: str
    is_cut: bool
    elapsed_ms: float
    stages: list[tuple[str, float]]


async def prepare_trial(change: Change, seal: Seal, trial: Trial) -> Caller:
    """Opens the app's secret and makes the session that is wanted; the audit log says who tried what. Raises a 422 Problem."""
    try:
        app = await fetch_row(change.connection, app_info, trial.app_id)
    except RowMissing:
        raise invalid_field("app_id", "names no app") from None
    session = trial.session
    tried = {"api_name": trial.api_name, "user_id": trial.user_id}
    await change.record("try", app_info.name, trial.app_id, after=tried)
    if trial.user_id is not None:
        session = secrets.token_urlsafe(32)
        ends = change.now + timedelta(seconds=SESSION_S)
        await change.emit_passing_session(
            hash_token(session), app_id=trial.app_id, user_id=trial.user_id, expire_time=ends
        )
    return Caller(app["app_key"], seal.open(app["app_secret"], seal_context(app["app_key"])), session)


class Bench:
    """Signs and sends. url: the gateway's, from the settings: what operators type never decides where a request goes."""

    def __init__(self, http: httpx.AsyncClient, url: str, clock: Clock, *, internal_key: str) -> None:
        self._http = http
        self._url = url
        self._clock = clock
        self._internal_key = internal_key

    def sign(self, trial: Trial, caller: Caller) -> SignedCall:
        """The call as it will be sent."""
        given = {"format": trial.format, **({"session": caller.session} if caller.session else {}), **trial.params}
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        try:
            return sign_call(
                url=self._url, app_key=caller.app_key, secret=caller.secret, method=trial.api_name, params=given,
                sign_method=trial.sign_method, now=now,
            )  # fmt: skip
        except ValueError:  # an unknown sign_method, or lone surrogates
            raise invalid_field(
                "params", "cannot be signed: sign_method is unknown, or a value is no Unicode"
            ) from None

    async def send(self, call: SignedCall) -> Tried:
        """Raises a 503 Problem when the gateway cannot be reached."""
        body = call.form.encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept-Encoding": "identity",
            stage_times.ASKING_HEADER: stage_times.ask(self._internal_key, b"", body, now=self._clock.now()),
        }
        started = self._clock.monotonic()
        try:
            async with self._http.stream("POST", self._url, content=body, headers=headers) as answer:
                shown = bytearray()
                async for chunk in answer.aiter_raw():
                    shown += chunk
                    if len(shown) > _SHOWN_BYTES:
                        break
        except httpx.HTTPError as error:
            raise Problem(
                503, "gateway-unreachable", f"the gateway did not answer: {type(error).__name__}", "网关没有响应"
            ) from error
        elapsed_ms = (self._clock.monotonic() - started) * 1000
        return Tried(
            status=answer.status_code,
            content_type=answer.headers.get("content-type", ""),
            body=bytes(shown[:_SHOWN_BYTES]).decode("utf-8", "replace"),
            is_cut=len(shown) > _SHOWN_BYTES,
            elapsed_ms=round(elapsed_ms, 2),
            stages=_stages(answer.headers.get(stage_times.ANSWER_HEADER, "")),
        )


@asynccontextmanager
async def open_bench_client() -> AsyncIterator[httpx.AsyncClient]:
    """Connections to the gateway: proxies of the environment ignored, redirects never followed."""
    timeout = httpx.Timeout(_DEADLINE_S, connect=3)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout) as http:
        yield http


def _stages(value: str) -> list[tuple[str, float]]:
    try:
        return stage_times.read(value)
    except ValueError:
        return []
