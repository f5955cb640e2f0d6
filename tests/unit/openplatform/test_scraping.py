"""/metrics of a service: to this machine, and to whoever holds an internal key."""

import httpx
import pytest

from openplatform.web import service_app

KEYS = ("a new key of tests", "an old key of tests")


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.0.0.9", {}, 401),
        ("10.0.0.9", {"Authorization": f"Bearer {KEYS[1]}"}, 200),
        ("10.0.0.9", {"X-Internal-Key": KEYS[0]}, 200),
        ("10.0.0.9", {"Authorization": "Bearer another"}, 401),
        ("10.0.0.9", {"Authorization": "Bearer "}, 401),
        ("10.0.0.9", {"Authorization": KEYS[0]}, 401),
    ],
)
async def test_who_may_scrape(client: str, headers: dict[str, str], status: int) -> None:
    """A bearer token is what Prometheus sends; it opens nothing else."""
    transport = httpx.ASGITransport(service_app([], internal_keys=KEYS, name="a-service"), client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
        answer = await http.get("/metrics", headers=headers)
        assert answer.status_code == status
        if status == 200:
            assert 'pailou_build_info{service="a-service"' in answer.text
        elsewhere = await http.get("/orders", headers={"Authorization": f"Bearer {KEYS[0]}"})
    assert elsewhere.status_code == 401
