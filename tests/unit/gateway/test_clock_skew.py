"""ClockSkew: how far our clock is from the store's, and from when that matters."""

import pytest

from gateway.clock_skew import ClockSkew
from openplatform.errors import PLATFORM_UNAVAILABLE


class Clocks:
    """Both clocks, turned by hand; answering takes `takes_s`."""

    def __init__(self) -> None:
        self.ours = 1_700_000_000.0
        self.theirs = 1_700_000_000.0
        self.takes_s = 0.0
        self.is_down = False
        self._passed = 0.0

    def now(self) -> float:
        return self.ours

    def monotonic(self) -> float:
        return self._passed


class TimeOf:
    """The store's side of Clocks."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks

    async def now(self) -> float:
        clocks = self._clocks
        if clocks.is_down:
            raise PLATFORM_UNAVAILABLE("down")
        said = clocks.theirs + clocks.takes_s / 2
        clocks.ours += clocks.takes_s
        clocks.theirs += clocks.takes_s
        clocks._passed += clocks.takes_s
        return said


@pytest.fixture
def clocks() -> Clocks:
    """Both right."""
    return Clocks()


@pytest.mark.parametrize(
    ("ahead_s", "tolerable"), [(0, True), (29, True), (31, False), (-29, True), (-31, False), (3600, False)]
)
async def test_30_seconds_are_tolerated(clocks: Clocks, ahead_s: float, tolerable: bool) -> None:
    """A process whose clock is more than 30 s away, in either direction, says so."""
    skew = ClockSkew(TimeOf(clocks), clocks)
    clocks.ours += ahead_s
    await skew.look()
    assert skew.seconds == pytest.approx(ahead_s)
    assert skew.is_tolerable is tolerable


async def test_the_way_there_and_back_is_no_skew(clocks: Clocks) -> None:
    """Half of the time that the answer took is taken off."""
    skew = ClockSkew(TimeOf(clocks), clocks)
    clocks.takes_s = 1.0
    await skew.look()
    assert skew.seconds == pytest.approx(0.0)


async def test_a_store_that_is_away_changes_nothing(clocks: Clocks) -> None:
    """What was seen last stays, and is mended at the next look that succeeds."""
    skew = ClockSkew(TimeOf(clocks), clocks)
    clocks.ours += 60
    await skew.look()
    clocks.is_down = True
    await skew.look()
    assert not skew.is_tolerable
    clocks.is_down = False
    clocks.ours -= 60
    await skew.look()
    assert skew.is_tolerable
