"""A service gives a call up when its caller has."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openplatform.web import JsonAnswer, caller_of, service_app

KEY = "key-of-the-unit-tests"


async def ask(path: str, deadline_ms: str | None) -> httpx.Response:
    gone = asyncio.Event()

    async def waiting(request: Request) -> Response:
        try:
            await asyncio.sleep(3600)
        finally:
            gone.set()
        raise AssertionError

    async def quick(request: Request) -> Response:
        return JsonAnswer({"deadline_s": caller_of(request).deadline_s})

    app = service_app([Route("/waiting", waiting), Route("/quick", quick)], internal_keys=[KEY])
    headers = {"X-Internal-Key": KEY, "X-Vender-Id": "1"}
    if deadline_ms is not None:
        headers["X-Request-Deadline-Ms"] = deadline_ms
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        answer = await client.get(path, headers=headers)
    assert gone.is_set() == (path == "/waiting")
    return answer


@pytest.mark.parametrize("deadline_ms", ["0", "1", "30"])
async def test_a_call_past_its_deadline_is_cancelled_and_answers_busy(deadline_ms: str) -> None:
    """503 with an isp code: what the work waited for is let go."""
    answer = await ask("/waiting", deadline_ms)
    assert (answer.status_code, answer.json()["sub_code"]) == (503, "isp.platform-unavailable")


@pytest.mark.parametrize(
    ("deadline_ms", "seconds"), [("2500", 2.5), (None, 3.0), ("", 3.0), ("-1", 3.0), ("soon", 3.0), ("9" * 10, 3.0)]
)
async def test_a_call_within_its_deadline_is_served(deadline_ms: str | None, seconds: float) -> None:
    """The caller's deadline is read, and an unreadable one is none."""
    answer = await ask("/quick", deadline_ms)
    assert answer.json() == {"deadline_s": seconds}
