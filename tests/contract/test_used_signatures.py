"""Every UsedSignatures lets a signature through once, whoever asks, and gives back only what is the asker's own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.adapters.redis_wire import RedisWire
from openplatform.adapters.signatures_redis import RedisUsedSignatures
from openplatform.errors import PlatformUnavailable
from openplatform.ports import UsedSignatures
from tests.contract.conftest import PATIENT_S

SIGN = "AB" * 32


@pytest.fixture(params=["fakeredis", "redis", "wire"])
async def signatures(request: pytest.FixtureRequest) -> AsyncIterator[UsedSignatures]:
    url = "memory://" if request.param == "fakeredis" else request.getfixturevalue("clean_redis_url")
    wire = RedisWire(url, timeout_s=PATIENT_S) if request.param == "wire" else None
    async with open_redis(url, Embedded(), timeout_s=PATIENT_S) as client:
        yield RedisUsedSignatures(client, wire=wire)
    if wire is not None:
        wire.close()


async def test_one_of_many_at_once(signatures: UsedSignatures) -> None:
    """Of 100 claims of one signature exactly one wins; another app's same signature is another."""
    claims = [signatures.claim("app", SIGN, by=f"r{n}", keep_s=60) for n in range(100)]
    assert sum(await asyncio.gather(*claims)) == 1
    assert await signatures.claim("other", SIGN, by="r", keep_s=60)
    assert await signatures.claim("app", "CD" * 32, by="r", keep_s=60)


async def test_what_is_given_back_may_come_again(signatures: UsedSignatures) -> None:
    """By the request that holds it; another's attempt to give it back changes nothing."""
    assert await signatures.claim("app", SIGN, by="first", keep_s=60)
    await signatures.give_back("app", SIGN, by="second")
    assert not await signatures.claim("app", SIGN, by="second", keep_s=60)
    await signatures.give_back("app", SIGN, by="first")
    await signatures.give_back("app", SIGN, by="first")
    assert await signatures.claim("app", SIGN, by="second", keep_s=60)


async def test_it_is_forgotten_after_its_time(signatures: UsedSignatures) -> None:
    """keep_s seconds later it could come again: its timestamp refuses it by then."""
    assert await signatures.claim("app", SIGN, by="first", keep_s=1)
    async with asyncio.timeout(30):
        while not await signatures.claim("app", SIGN, by="second", keep_s=60):
            await asyncio.sleep(0.05)


async def test_a_store_that_is_away_says_so() -> None:
    """Never a driver's error, never a guess."""
    wire = RedisWire("redis://127.0.0.1:1/0", timeout_s=0.2)
    async with open_redis("redis://127.0.0.1:1/0", None, timeout_s=0.2) as client:
        for signatures in (RedisUsedSignatures(client), RedisUsedSignatures(client, wire=wire)):
            with pytest.raises(PlatformUnavailable):
                await signatures.claim("app", SIGN, by="r", keep_s=60)
            with pytest.raises(PlatformUnavailable):
                await signatures.give_back("app", SIGN, by="r")
