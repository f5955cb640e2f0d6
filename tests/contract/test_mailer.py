"""Promises of Mailer, over the outbox folder and over a real mail server with STARTTLS and login."""

import asyncio
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from openplatform.adapters.backends import open_mailer
from openplatform.errors import PlatformUnavailable, SettingsError, StoreRejected
from openplatform.ports import Mailer
from tests.contract.mails import SENDER, mail
from tests.servers import SmtpServer


class World:
    """A mailer and the mails that arrived through it."""

    def __init__(self, mailer: Mailer, arrived: Callable[[], list[EmailMessage]], copies: int) -> None:
        self.mailer = mailer
        self.arrived = arrived
        self.copies_of_a_repeat = copies


def read_outbox(folder: Path) -> list[EmailMessage]:
    return [
        message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
        for path in sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime_ns)
    ]


@pytest.fixture(params=["outbox", "smtp"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "outbox":
        folder = tmp_path / "out" / "box"
        yield World(open_mailer(f"outbox://{folder}", SENDER), lambda: read_outbox(folder), 1)
    else:
        server: SmtpServer = request.getfixturevalue("smtp_server")
        mailer = open_mailer(f"{server.url}?ca_file={server.certificate}", SENDER)
        yield World(mailer, lambda: [each.message for each in server.mails], 2)


async def test_a_mail_arrives_with_its_texts_and_headers(world: World) -> None:
    """Chinese subject, plain text and HTML come out as they went in; robots are told not to answer; the thread is named."""
    await world.mailer.send(mail())
    (message,) = world.arrived()
    assert message["Subject"] == mail().subject
    assert message["From"] == SENDER
    assert message["To"] == "ops@pailou.example"
    assert message["Message-ID"] == f"<{mail().message_id}>"
    assert message["References"] == message["In-Reply-To"] == f"<{mail().thread_id}>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Precedence"] == "bulk"
    assert message["Date"].datetime.tzinfo is not None
    plain, html = message.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert plain.get_content().replace("\r\n", "\n") == mail().text
    assert html.get_content_type() == "text/html"
    assert html.get_content().strip() == mail().html


async def test_a_mail_without_html_and_thread_is_plain_text(world: World) -> None:
    """Both are optional."""
    await world.mailer.send(mail(html=None, thread_id=None))
    (message,) = world.arrived()
    assert message.get_content_type() == "text/plain"
    assert message["References"] is None


@pytest.mark.parametrize(
    "breaks", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00", "\ud800"], ids=lambda text: repr(text)
)
async def test_a_subject_cannot_add_a_header(world: World, breaks: str) -> None:
    """An API name with a line break in it stays text of the subject."""
    await world.mailer.send(mail(subject=f"open.x{breaks}Bcc: thief@evil.example"))
    (message,) = world.arrived()
    assert message["Bcc"] is None
    assert message["Subject"] == "open.x Bcc: thief@evil.example"


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "ops@pailou.example\r\nBcc: thief@evil.example"},
        {"to": "ops@pailou.example, thief@evil.example"},
        {"to": "ops@pailou.example> SIZE=1"},
        {"to": "运维@pailou.example"},
        {"to": "nobody"},
        {"to": ""},
        {"to": "a" * 250 + "@pailou.example"},
        {"message_id": "x@y\r\nBcc: thief@evil.example"},
        {"thread_id": "x>\r\nBcc: <thief@evil.example"},
    ],
    ids=repr,
)
async def test_an_address_or_id_that_is_none_is_refused_for_good(world: World, changes: dict[str, str]) -> None:
    """Nothing is sent, and nobody tries again."""
    with pytest.raises(StoreRejected):
        await world.mailer.send(mail(**changes))
    assert world.arrived() == []


async def test_the_subject_is_shortened_and_long_ids_stay_whole(world: World) -> None:
    """200 characters are enough for a subject; an id that a mail program threads by is never folded or encoded."""
    long_id = "a" * 100 + "@" + "b" * 60 + ".example"
    await world.mailer.send(mail(subject="长" * 5000, message_id=long_id, thread_id=long_id))
    (message,) = world.arrived()
    assert message["Subject"] == "长" * 200
    assert message["Message-ID"].strip() == message["References"].strip() == f"<{long_id}>"


async def test_every_attempt_carries_the_same_message_id(world: World) -> None:
    """A mail sent twice can be recognised; the outbox folder does not even show it twice."""
    await world.mailer.send(mail())
    await world.mailer.send(mail())
    messages = world.arrived()
    assert len(messages) == world.copies_of_a_repeat
    assert {message["Message-ID"] for message in messages} == {f"<{mail().message_id}>"}


async def test_many_mails_at_once_all_arrive(world: World) -> None:
    """Twenty recipients, twenty mails."""
    await asyncio.gather(
        *(world.mailer.send(mail(to=f"ops{n}@pailou.example", message_id=f"{n}@pailou.example")) for n in range(20))
    )
    assert sorted(message["To"] for message in world.arrived()) == sorted(f"ops{n}@pailou.example" for n in range(20))


async def test_an_outbox_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    """A file where the folder should be: the mail is kept by its sender and tried again."""
    (tmp_path / "box").write_text("")
    with pytest.raises(PlatformUnavailable):
        await open_mailer(f"outbox://{tmp_path}/box", SENDER).send(mail())


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("smtp://user:secret@127.0.0.1:25", SENDER),
        ("smtp+starttls://", SENDER),
        ("ftp://host", SENDER),
        ("outbox://", SENDER),
        ("smtps://host?ca_file=/no/such/file", SENDER),
        ("smtp://127.0.0.1", "nobody"),
        ("smtp://127.0.0.1", "A <a@b.c>\r\nBcc: d@e.f"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(url: str, sender: str) -> None:
    """A login without TLS, a missing host, an unknown scheme, a sender that is no address; the password is not shown."""
    with pytest.raises(SettingsError) as refusal:
        open_mailer(url, sender)
    assert "PAILOU_MAIL" in str(refusal.value)
    assert "secret" not in str(refusal.value)
