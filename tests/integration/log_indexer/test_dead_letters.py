"""Dead letters over the indexer's own HTTP: listed, shown, sent again once their cause is gone; wrong questions refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openplatform.adapters.backends import open_log_publisher
from openplatform.adapters.embedded import Embedded
from openplatform.records import DeadLetter
from tests.integration.log_indexer.test_endpoints import NOON_MS, RANGE, indexer, settings
from tests.unit.log_indexer.parts import call_log, lines
from tests.waiting import until


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An indexer that has put four lines aside: three that are no JSON, and one record that fits by now."""
    embedded = Embedded()
    async with indexer(settings(tmp_path), embedded) as client:
        async with open_log_publisher("memory://", embedded) as publisher:
            await publisher.publish(b"poison 0\npoison 1\npoison 2\xff\n", node="gw-1")
        await until(lambda: len(embedded.dead_letters) == 3)
        mended = lines(call_log("mended", receiveTime=NOON_MS))
        embedded.dead_letters.append(DeadLetter.of(mended, "strict_dynamic_mapping_exception: tenant", 1))
        yield client


async def listed(client: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    """The answer of a list."""
    answer = await client.get("/dead-letters", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_they_are_listed_and_shown(client: httpx.AsyncClient) -> None:
    """With reason, time, size and the beginning of their text, bytes that are no text made readable; by id the whole of one."""
    page = await listed(client)
    assert (page["total"], page["looked_at"]) == (4, 4)
    assert sorted(letter["preview"] for letter in page["letters"])[:3] == ["poison 0", "poison 1", "poison 2\\xff"]
    assert all(letter["reason"].startswith("undecodable: ") for letter in page["letters"][:3])
    assert page["letters"][0]["dead_at_ms"] > NOON_MS
    chosen = await listed(client, reason="STRICT_dynamic", limit=1)
    (letter,) = chosen["letters"]
    shown = (await client.get(f"/dead-letters/{letter['id']}")).json()
    assert '"requestId":"mended"' in shown["text"]
    assert (await client.get("/dead-letters/0123456789abcdef")).status_code == 404


async def test_what_fits_now_is_indexed_and_the_rest_comes_back(client: httpx.AsyncClient) -> None:
    """A replay by reason or id takes only what is meant; what is refused again returns with a later time."""
    answer = await client.post("/dead-letters/replay", json={"reason": "strict_dynamic"})
    assert answer.json() == {"replayed": 1}

    async def found() -> bool:
        return (await client.get("/logs", params=RANGE)).json()["total"] == 1

    await until(found)
    before = (await listed(client))["letters"]
    assert len(before) == 3
    now_ms = max(letter["dead_at_ms"] for letter in before) + 1
    replayed = await client.post("/dead-letters/replay", json={"ids": [before[0]["id"]], "before_ms": now_ms})
    assert replayed.json() == {"replayed": 1}

    async def back() -> bool:
        return (await listed(client))["total"] == 3

    await until(back)
    assert {letter["id"] for letter in (await listed(client))["letters"]} == {letter["id"] for letter in before}


BAD = {
    "unknown parameter": ({"sort": "reason"}, "isv.invalid-parameter:sort"),
    "limit": ({"limit": "10001"}, "isv.invalid-parameter:limit"),
    "time": ({"before_ms": "yesterday"}, "isv.invalid-parameter:before_ms"),
    "long reason": ({"reason": "x" * 201}, "isv.invalid-parameter:reason"),
}


@pytest.mark.parametrize(("params", "sub_code"), BAD.values(), ids=BAD.keys())
async def test_bad_questions(client: httpx.AsyncClient, params: dict[str, str], sub_code: str) -> None:
    """400 that names the parameter."""
    answer = await client.get("/dead-letters", params=params)
    assert (answer.status_code, answer.json()["sub_code"]) == (400, sub_code)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"ids": "x"}',
        b'{"limit": 0}',
        b'{"ids": ' + b'["x"]'.replace(b'"x"', b'"x",' * 1001 + b'"x"') + b"}",
    ],
)
async def test_a_bad_replay_sends_nothing(client: httpx.AsyncClient, body: bytes) -> None:
    """400, and everything lies where it lay."""
    assert (await client.post("/dead-letters/replay", content=body)).status_code == 400
    assert (await listed(client))["total"] == 4
