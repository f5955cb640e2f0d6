"""The replay guard: who pays for it, when a signature is given back, and what a store that is down means."""

import pytest

from gateway.filters.guard_replay import GiveSignatureBack, GuardReplay
from openplatform.errors import (
    PLATFORM_UNAVAILABLE,
    REMOTE_CONNECTION_ERROR,
    REMOTE_RESULT_UNKNOWN,
    SERVICE_REJECTED,
    UNKNOWN_ERROR,
    OpenPlatformError,
    unsent,
)
from tests.unit.gateway.filters.calls import a_call, app_entry, route_entry


class Kept:
    """UsedSignatures in a dictionary; `fault` is raised by claims."""

    def __init__(self, fault: OpenPlatformError | None = None) -> None:
        self.marks: dict[tuple[str, str], tuple[str, int]] = {}
        self.fault = fault
        self.asked = 0

    async def claim(self, app_key: str, sign: str, *, by: str, keep_s: int) -> bool:
        self.asked += 1
        if self.fault is not None:
            self.marks[app_key, sign] = (by, keep_s)  # made, but its answer was lost
            raise self.fault
        return self.marks.setdefault((app_key, sign), (by, keep_s)) == (by, keep_s)

    async def give_back(self, app_key: str, sign: str, *, by: str) -> None:
        if self.marks.get((app_key, sign), ("",))[0] == by:
            del self.marks[app_key, sign]


def guarded(sign: str = "ab12", request_id: str = "id1", **route: object):
    call = a_call({"sign": sign}, app=app_entry(), route=route_entry(replay_guard=True, **route))
    call.request_id = request_id
    return call


async def run(stage, call) -> None:
    waiting = stage(call)
    if waiting is not None:
        await waiting


async def test_other_apis_pay_nothing() -> None:
    """No guard, or an answer that is there already: nothing to wait for, nothing asked."""
    kept = Kept()
    assert GuardReplay(kept, window_s=600)(a_call({"sign": "x"}, app=app_entry(), route=route_entry())) is None
    answered = guarded()
    answered.service_body = b"{}"
    assert GuardReplay(kept, window_s=600)(answered) is None
    assert GiveSignatureBack(kept)(a_call(error=UNKNOWN_ERROR())) is None
    assert kept.asked == 0


@pytest.mark.parametrize(("route", "keep_s"), [({}, 1260), ({"timestamp_window_s": 5}, 70)])
async def test_the_second_is_refused(route: dict, keep_s: int) -> None:
    """In either case of the hex; kept for twice the window, the API's own if it has one, and a minute."""
    kept = Kept()
    guard = GuardReplay(kept, window_s=600)
    await run(guard, guarded(**route))
    assert kept.marks == {("1023", "AB12"): ("id1", keep_s)}
    with pytest.raises(OpenPlatformError) as refused:
        await run(guard, guarded("AB12", "id2", **route))
    assert (refused.value.code, refused.value.sub_code) == (25, "isv.replayed-request")


@pytest.mark.parametrize(
    ("error", "is_given_back"),
    [
        (unsent(REMOTE_CONNECTION_ERROR()), True),
        (REMOTE_CONNECTION_ERROR(), False),
        (REMOTE_RESULT_UNKNOWN(), False),
        (SERVICE_REJECTED("no", sub_code="isv.no"), False),
        (UNKNOWN_ERROR(), False),
    ],
)
async def test_given_back_only_if_nothing_had_left(error: OpenPlatformError, is_given_back: bool) -> None:
    """Whoever could not be connected may come again with the same bytes; whoever may have acted may not."""
    kept = Kept()
    call = guarded()
    await run(GuardReplay(kept, window_s=600), call)
    call.error = error
    await run(GiveSignatureBack(kept), call)
    assert (kept.marks == {}) is is_given_back


async def test_a_refused_replay_does_not_free_the_first() -> None:
    """The error stage runs for the replay as well: the mark is not its own."""
    kept = Kept()
    guard = GuardReplay(kept, window_s=600)
    await run(guard, guarded())
    second = guarded(request_id="id2")
    with pytest.raises(OpenPlatformError) as refused:
        await run(guard, second)
    second.error = refused.value
    await run(GiveSignatureBack(kept), second)
    assert kept.marks != {}


async def test_without_the_store_nothing_passes() -> None:
    """Error 10; a mark whose answer was lost is taken away, so that the caller may come again as it was told to."""
    kept = Kept(PLATFORM_UNAVAILABLE())
    with pytest.raises(OpenPlatformError) as refused:
        await run(GuardReplay(kept, window_s=600), guarded())
    assert refused.value.code == 10
    assert kept.marks == {}
