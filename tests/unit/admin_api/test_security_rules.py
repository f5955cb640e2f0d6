"""Permissions, locks, addresses, and text that may be stored."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from admin_api.console.html import tag
from admin_api.security.attempts import locked_until
from admin_api.security.permissions import EVERYTHING, PERMS_PATTERN, Permissions
from admin_api.security.sessions import csrf_token_of, hash_of
from admin_api.tables.shapes import Line50, Moment, Note500

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("granted", "wanted", "allowed"), [
    ("gw:app:edit", "gw:app:edit", True), ("gw:app:edit", "gw:app:remove", False), ("gw:app:*", "gw:app:edit", True),
    ("gw:app:*", "gw:token:edit", False), ("gw:*:list", "gw:app:list", True), ("log:*", "log:search", True),
    ("log:*", "log", False), ("gw:*", "gw:app:list", False), ("gw:app:*", "gw:app", False), ("gw:app:edit", "gw:app:*", False),
    ("gw:app:*", "gw:app:*", True), (EVERYTHING, "gw:app:*", True), (EVERYTHING, "dash:view", True), ("gw:app:*", EVERYTHING, False),
    ("", "gw:app:list", False), ("gw.app.list", "gw:app:list", False),
])  # fmt: skip
def test_a_grant_covers_what_its_parts_say(granted: str, wanted: str, allowed: bool) -> None:
    """A star stands for one part; nothing is a regular expression; only the administrator's grant covers everything."""
    assert Permissions.of([granted]).allows(wanted) is allowed


@pytest.mark.parametrize("perms", ["*:*:*", "*", "gw:*:edit", "gw:app:edit:x:y", "gw app", "gw:.*", ":", "gw:"])
def test_a_menu_cannot_carry_a_grant_that_is_too_wide_or_none(perms: str) -> None:
    """A star may stand at the end only, after a name."""
    assert PERMS_PATTERN.fullmatch(perms) is None


@pytest.mark.parametrize(("failures", "minutes"), [
    (0, None), (4, None), (5, 10), (9, 10), (10, 20), (15, 40), (20, 80), (40, 1280), (45, 1440), (500, 1440),
])  # fmt: skip
def test_every_five_failures_lock_twice_as_long(failures: int, minutes: int | None) -> None:
    """From the fifth, tenth, … failure on, at most a day."""
    moments = [NOON + timedelta(seconds=n) for n in range(failures)]
    last_of_round = moments[failures // 5 * 5 - 1] if failures >= 5 else NOON
    assert locked_until(moments) == (None if minutes is None else last_of_round + timedelta(minutes=minutes))


def test_a_csrf_token_gives_neither_the_session_nor_its_hash_away() -> None:
    """It follows from the session's id alone, and differs from what is stored."""
    token = csrf_token_of("session")
    assert token == csrf_token_of("session") != csrf_token_of("other")
    assert hash_of("session") != token
    assert "session" not in token


@pytest.mark.parametrize(("text", "stored"), [
    ("  云帆  ", "云帆"), ("<script>alert(1)</script>", "<script>alert(1)</script>"), ("🏯" * 50, "🏯" * 50), ("‮abc", "‮abc"),
    ("O'Brien; DROP TABLE app_info", "O'Brien; DROP TABLE app_info"), ("{{7*7}}", "{{7*7}}"),
])  # fmt: skip
def test_odd_names_are_names(text: str, stored: str) -> None:
    """They are content, escaped where they are shown; only blanks around them go."""
    assert TypeAdapter(Line50).validate_python(text) == stored


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u3000\t ", "a" * 51, "a\nb", "a\tb", "a\x00b", "\x1b[31m", "a\u2028b", "a\x85b", "a\ud800", 5, None],
)
def test_what_is_no_line_of_text_is_refused(text: object) -> None:
    """Empty, blank, too long, several lines, control characters, half characters."""
    with pytest.raises(ValidationError):
        TypeAdapter(Line50).validate_python(text)


def test_a_note_may_be_empty_and_have_lines_but_no_control_characters() -> None:
    """500 characters at most: 255 KiB are refused."""
    note = TypeAdapter(Note500)
    assert note.validate_python("") == ""
    assert note.validate_python("一\r\n二\t三") == "一\n二\t三"
    for text in ("a\rb", "a\x07", "x" * 255 * 1024):
        with pytest.raises(ValidationError):
            note.validate_python(text)


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00", "soon", ""]
)
def test_a_moment_without_zone_or_out_of_reach_is_refused(text: str) -> None:
    """Far years overflow when they are shown in another zone."""
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(text)


def test_markup_made_in_python_escapes_what_it_shows() -> None:
    """Text and attributes; markup comes from tags only."""
    made = tag("p", "<b>", tag("i", "<script>alert('1')</script>", title='"><img src=x>'))
    assert "<script" not in made
    assert "<img" not in made
    assert "&lt;script&gt;" in made
    assert made.startswith("<p>&lt;b&gt;<i title=")
