"""Who is remembered while the database does not answer, how many, how long, and who not."""

from datetime import UTC, datetime, timedelta

from admin_api.security.last_known import KNOWN_FOR, MOST, LastKnown
from admin_api.security.operators import Operator
from admin_api.security.permissions import Permissions

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def operator(session_hash: str) -> Operator:
    return Operator(user_id=1, email="a@pailou.example", permissions=Permissions.of([]), session_hash=session_hash)


def kept(last_known: LastKnown, session_hash: str) -> None:
    last_known.keep(operator(session_hash), NOW + KNOWN_FOR, forgotten=last_known.forgotten)


def test_nobody_is_known_past_their_time() -> None:
    """15 minutes after the database's last word; what the console shows of them is kept over its next word."""
    last_known = LastKnown()
    kept(last_known, "a")
    known = last_known.find("a", NOW + KNOWN_FOR - timedelta(microseconds=1))
    assert known is not None and last_known.find("a", NOW + KNOWN_FOR) is None and last_known.find("b", NOW) is None
    known.shown = "menu"
    kept(last_known, "a")
    again = last_known.find("a", NOW)
    assert again is not None and again is not known and again.shown == "menu"


def test_it_is_bounded_and_the_least_recent_go_first() -> None:
    """One who was seen again stays."""
    last_known = LastKnown()
    for number in range(MOST):
        kept(last_known, str(number))
    kept(last_known, "0")
    kept(last_known, "new")
    assert [last_known.find(name, NOW) is None for name in ("0", "1", "2", "new")] == [False, True, False, False]


def test_what_was_read_before_somebody_was_forgotten_is_not_kept_after() -> None:
    """A session that ends while another request reads it does not come back."""
    for forget in (LastKnown.forget_all, lambda last_known: last_known.forget("other")):
        last_known = LastKnown()
        before = last_known.forgotten
        forget(last_known)
        last_known.keep(operator("a"), NOW + KNOWN_FOR, forgotten=before)
        assert last_known.find("a", NOW) is None
