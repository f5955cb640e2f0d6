"""A server that does not answer: who is refused at once, who asks, and when everybody asks again."""

from openplatform.outage import Outage


def test_one_at_a_time_finds_out_whether_it_is_back() -> None:
    """After a failure nobody asks for a while; then one does, and the others are refused until that one knows."""
    outage = Outage(refuse_s=1, ask_s=3)
    assert (outage.admits(10), outage.is_on) == (True, False)
    outage.failed(10, 13)
    assert outage.is_on
    assert [outage.admits(now) for now in (13, 13.9, 14, 14.1, 16.9)] == [False, False, True, False, False]
    outage.failed(14, 17)
    assert [outage.admits(now) for now in (17.9, 18, 18.1)] == [False, True, False]
    outage.answered(18.2)
    assert (outage.admits(18.2), outage.admits(18.2), outage.is_on) == (True, True, False)


def test_one_who_asked_and_was_never_heard_of_again_keeps_nobody_out() -> None:
    """Its caller may have left."""
    outage = Outage(refuse_s=1, ask_s=3)
    outage.failed(0, 0)
    assert [outage.admits(now) for now in (1, 3.9, 4)] == [True, False, True]


def test_a_failure_says_nothing_if_somebody_was_answered_since() -> None:
    """A pool that was empty for one is not a server that is away."""
    outage = Outage(refuse_s=1, ask_s=3)
    outage.answered(12)
    outage.failed(10, 13)
    assert not outage.is_on


def test_without_a_time_to_refuse_everybody_asks() -> None:
    """It only knows what the last one heard."""
    outage = Outage(refuse_s=0, ask_s=3)
    outage.failed(0, 0)
    assert (outage.is_on, outage.admits(0), outage.admits(0)) == (True, True, True)
