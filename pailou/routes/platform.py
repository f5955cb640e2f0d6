"""The admin API as `pailou routes` uses it: reads the route table, changes it, and says in words why it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from openplatform.errors import SettingsError
from pailou.routes.difference import Difference
from pailou.routes.table import NAME, Fields, Table, table_of

API = "/api/v1"
_TIMEOUT_S = 60.0
"""A table of thousands of routes is written in one transaction."""


class PlatformRefused(Exception):
    """admin_api said no, or nothing. problem: its problem document, {} when there is none."""

    def __init__(self, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}


class Platform:
    """A signed-in operator's side of the admin API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def table(self) -> tuple[Table, str]:
        """The route table in force and its etag. Raises PlatformRefused."""
        answer = self.ask("GET", "/mappings/table")
        return table_of(answer["mappings"]), str(answer["etag"])

    def change(self, difference: Difference, etag: str) -> dict[str, Any]:
        """Brings the difference into force, all of it or nothing. etag: of the table that was compared. Raises PlatformRefused."""
        put: list[Fields] = [
            {NAME: n, **fields} for n, fields in sorted((difference.added | difference.changed).items())
        ]
        return self.ask("POST", "/mappings/import", {"based_on": etag, "put": put, "remove": list(difference.removed)})

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            answer = self._client.request(method, API + path, json=body)
        except httpx.HTTPError as error:
            raise PlatformRefused(f"{self._client.base_url} does not answer: {error}") from None
        if answer.is_success:
            return dict(answer.json()) if answer.content else {}
        try:
            problem = dict(answer.json())
        except ValueError:
            problem = {}
        raise PlatformRefused(_reason(answer.status_code, problem), problem)


@contextmanager
def signed_in(url: str, token: str) -> Iterator[Platform]:
    """With an operator's token."""
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"PAILOU_ADMIN_URL must start with http:// or https://, not {url!r}")
    with _client(url) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield Platform(client)


@contextmanager
def signed_in_by_password(url: str, email: str, password: str) -> Iterator[Platform]:
    """With a session of its own, which ends here. Raises PlatformRefused."""
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


def _reason(status: int, problem: dict[str, Any]) -> str:
    if status == 401:
        return "admin_api does not know this token: sign in again and set PAILOU_ADMIN_TOKEN"
    if status == 413:
        return "the change is larger than admin_api takes: raise its PAILOU_ADMIN_BODY_LIMIT_BYTES, or import in parts"
    return str(problem.get("detail") or f"admin_api answered {status}")
