"""The admin API as commands use it: asks as an operator, and says in words why it cannot."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from openplatform.env import Env
from openplatform.errors import SettingsError
from pailou.terminal import demo_file, talk

API = "/api/v1"
REMOTE = 3
"""Exit status: the platform said no, or nothing."""
_TIMEOUT_S = 60.0
"""A table of thousands of routes is written in one transaction."""

Demo = Annotated[bool, typer.Option("--demo", help="As the administrator of `pailou dev`, from var/demo.json.")]
Params = Mapping[str, object] | Sequence[tuple[str, object]]


class PlatformRefused(Exception):
    """admin_api said no, or nothing. problem: its problem document, {} when there is none."""

    def __init__(self, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}


class Platform:
    """A signed-in operator's side of the admin API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, method: str, path: str, body: object = None, params: Params = ()) -> dict[str, Any]:
        """The answer's JSON object, {} for none. Raises PlatformRefused."""
        try:
            answer = self._client.request(method, API + path, json=body, params=_given(params))
        except httpx.HTTPError as error:
            raise PlatformRefused(f"{self._client.base_url} does not answer: {error}") from None
        if answer.is_success:
            return dict(answer.json()) if answer.content else {}
        raise _refusal(answer)

    @contextmanager
    def stream(self, path: str, params: Params = ()) -> Iterator[tuple[httpx.Headers, Iterator[bytes]]]:
        """A GET of any length: headers, and the body's pieces as they come. Raises PlatformRefused, also out of the body."""
        try:
            with self._client.stream("GET", API + path, params=_given(params)) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                yield answer.headers, answer.iter_bytes()
        except httpx.HTTPError as error:
            raise PlatformRefused(f"{self._client.base_url} broke off: {error}") from None


@contextmanager
def as_operator(demo: bool, *, command: str) -> Iterator[Platform]:
    """Signed in as PAILOU_ADMIN_URL and PAILOU_ADMIN_TOKEN say, or as the demo's administrator.

    A refusal that nobody inside has caught ends the command: its words in red, status 3. Raises SettingsError.
    """
    env = Env(service=f"pailou {command}")
    try:
        if demo:
            known = demo_file(Path(env.text("VAR_DIR", "var")))
            with _by_password(known["admin_url"], known["admin_email"], known["admin_password"]) as platform:
                yield platform
            return
        url = env.text("ADMIN_URL", "http://127.0.0.1:8001")
        token = env.secret("ADMIN_TOKEN", why="an operator's token, from POST /api/v1/login")
        env.finish()
        with _by_token(url, token) as platform:
            yield platform
    except PlatformRefused as error:
        talk.print(str(error), markup=False, style="red")
        raise typer.Exit(REMOTE) from None


@contextmanager
def _by_token(url: str, token: str) -> Iterator[Platform]:
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"PAILOU_ADMIN_URL must start with http:// or https://, not {url!r}")
    with _client(url) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield Platform(client)


@contextmanager
def _by_password(url: str, email: str, password: str) -> Iterator[Platform]:
    """With a session of its own, which ends here."""
    with _client(url) as client:
        platform = Platform(client)
        token = platform.ask("POST", "/login", {"email": email, "password": password})["token"]
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token}"
        try:
            yield platform
        finally:
            platform.ask("POST", "/logout")


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url.rstrip("/"), timeout=_TIMEOUT_S)


def _given(params: Params) -> httpx.QueryParams:
    """Without those that are None or empty."""
    items = params.items() if isinstance(params, Mapping) else params
    return httpx.QueryParams([(name, str(value)) for name, value in items if value not in (None, "")])


def _refusal(answer: httpx.Response) -> PlatformRefused:
    try:
        problem = dict(answer.json())
    except ValueError:
        problem = {}
    return PlatformRefused(_reason(answer.status_code, problem), problem)


def _reason(status: int, problem: dict[str, Any]) -> str:
    if status == 401:
        return "admin_api does not know this token: sign in again and set PAILOU_ADMIN_TOKEN"
    if status == 413:
        return "the change is larger than admin_api takes: raise its PAILOU_ADMIN_BODY_LIMIT_BYTES, or import in parts"
    said = str(problem.get("detail") or f"admin_api answered {status}")
    fields = "; ".join(f"{error['field']}: {error['message']}" for error in problem.get("errors", ()))
    return f"{said} ({fields})" if fields and status == 422 else said
