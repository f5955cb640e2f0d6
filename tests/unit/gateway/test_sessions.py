"""The session cache: bounded, short-lived, and never behind a revocation."""

import asyncio

from gateway.sessions import Sessions, token_hash
from openplatform.records import AccessToken, TokenHash

TOKEN = AccessToken(app_id=1, vender_id=2, start_at_ms=0, expire_at_ms=10**13)
HASH = token_hash("token")


class HandTurned:
    """A clock, and a SessionStore that answers when the test lets it."""

    def __init__(self) -> None:
        self.time = 100.0
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def find(self, token_hash: TokenHash) -> AccessToken | None:
        self.asked += 1
        await self.gate.wait()
        return TOKEN if token_hash == HASH else None


def opened(max_entries: int = 10) -> tuple[Sessions, HandTurned]:
    hand = HandTurned()
    return Sessions(hand, hand, max_entries=max_entries, keep_s=60), hand


async def test_a_found_session_is_remembered_for_a_while() -> None:
    """Sixty seconds without asking again, then the store is asked anew; what is unknown is never remembered."""
    sessions, hand = opened()
    assert sessions.recall(HASH) is None
    assert await sessions.find(HASH) == TOKEN
    assert sessions.recall(HASH) == TOKEN
    hand.time += 60
    assert sessions.recall(HASH) is None
    unknown = token_hash("unknown")
    assert await sessions.find(unknown) is None
    assert sessions.recall(unknown) is None


async def test_a_revocation_drops_it() -> None:
    """One session, or all of them."""
    sessions, _ = opened()
    for dropped in ([HASH], None):
        await sessions.find(HASH)
        sessions.drop(dropped)
        assert sessions.recall(HASH) is None


async def test_a_revocation_during_the_look_up_wins() -> None:
    """What was read before the revocation is answered once, and not remembered."""
    sessions, hand = opened()
    hand.gate.clear()
    asking = asyncio.create_task(sessions.find(HASH))
    while not hand.asked:
        await asyncio.sleep(0)
    sessions.drop([HASH])
    hand.gate.set()
    await asking
    assert sessions.recall(HASH) is None


async def test_misses_at_the_same_time_share_one_look_up() -> None:
    """A hundred callers of one unknown session ask Redis once; one of them leaving disturbs nobody."""
    sessions, hand = opened()
    hand.gate.clear()
    asking = [asyncio.create_task(sessions.find(HASH)) for _ in range(100)]
    await asyncio.sleep(0)
    asking[0].cancel()
    hand.gate.set()
    assert await asyncio.gather(*asking[1:]) == [TOKEN] * 99
    assert hand.asked == 1


async def test_memory_is_bounded() -> None:
    """The oldest entry goes when the cache is full."""
    sessions, hand = opened(max_entries=1)
    hand.find = lambda hashed: asyncio.sleep(0, TOKEN)  # type: ignore[assignment,method-assign]
    other = token_hash("other")
    await sessions.find(HASH)
    await sessions.find(other)
    assert (sessions.recall(HASH), sessions.recall(other)) == (None, TOKEN)
