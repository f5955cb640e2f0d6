"""Promises of Mailer, over the outbox folder and over a real mail server with STARTTLS and login."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from openplatform.adapters.backends import open_mailer
from openplatform.adapters.mailer_smtp import SmtpMailer
from openplatform.errors import PlatformUnavailable, SettingsError, StoreRejected
from openplatform.ports import Mailer
from openplatform.records import Mail
from tests.servers import SmtpServer

SENDER = "Pailou <alerts@pailou.example>"


def mail(**changes: str | None) -> Mail:
    fields: dict[str, str | None] = {
        "to": "ops@pailou.example",
        "subject": "[报警][严重] 3 个API 5分钟平均响应超 1000ms (最高 open.order.get 2315ms)",
        "text": "接口 平均\nopen.order.get 2315\n.\n点开头的一行也要在\n",
        "html": "<p>接口 <b>平均</b> &lt;script&gt;</p>",
        "message_id": "opened.1764000000.1.0123456789abcdef@pailou.example",
        "thread_id": "alert-0123456789abcdef-2025-11-24@pailou.example",
    }
    return Mail(**(fields | changes))  # type: ignore[arg-type]


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


# --- what only a mail server does ------------------------------------------------------------------------------------------


def mailer_for(server: SmtpServer, **changes: str) -> Mailer:
    url = server.url
    for old, new in changes.items():
        url = url.replace(old.replace("_", "+"), new)
    return open_mailer(f"{url}?ca_file={server.certificate}", SENDER)


async def test_mail_goes_over_tls_with_a_login(smtp_server: SmtpServer) -> None:
    """The envelope's sender is the bare address."""
    await mailer_for(smtp_server).send(mail())
    (arrived,) = smtp_server.mails
    assert arrived.over_tls
    assert arrived.sender == "alerts@pailou.example"
    assert arrived.recipients == ["ops@pailou.example"]


@pytest.mark.parametrize("reply", ["550 no such user", "553 mailbox name not allowed"])
async def test_a_recipient_refused_for_good_is_said_to_be(smtp_server: SmtpServer, reply: str) -> None:
    """5xx for the recipient: never again; the reason is kept."""
    smtp_server.refused["ops@pailou.example"] = reply
    with pytest.raises(StoreRejected, match=reply[:3]):
        await mailer_for(smtp_server).send(mail())


async def test_a_recipient_refused_for_now_is_tried_again(smtp_server: SmtpServer) -> None:
    """4xx for the recipient (greylisting) is no refusal."""
    smtp_server.refused["ops@pailou.example"] = "450 greylisted"
    with pytest.raises(PlatformUnavailable, match="450"):
        await mailer_for(smtp_server).send(mail())


@pytest.mark.parametrize(("reply", "error"), [("554 spam", StoreRejected), ("451 later", PlatformUnavailable)])
async def test_a_message_is_refused_for_good_only_by_5xx(
    smtp_server: SmtpServer, reply: str, error: type[Exception]
) -> None:
    """The same line between never and later after the message was sent."""
    smtp_server.data_reply = reply
    with pytest.raises(error, match=reply[:3]):
        await mailer_for(smtp_server).send(mail())


async def test_a_refused_login_is_ours_to_mend_and_no_refusal_of_the_recipient(smtp_server: SmtpServer) -> None:
    """A wrong password must not mark every recipient as bad."""
    smtp_server.password = "another"  # the URL above has the old one
    with pytest.raises(PlatformUnavailable):
        await mailer_for(smtp_server).send(mail())


async def test_a_server_that_is_down_is_unavailable_and_back_later(smtp_server: SmtpServer) -> None:
    """Refused connection, then the server is back on its port."""
    mailer = mailer_for(smtp_server)
    smtp_server.stop()
    with pytest.raises(PlatformUnavailable):
        await mailer.send(mail())
    smtp_server.start()
    await mailer.send(mail())
    assert len(smtp_server.mails) == 1


async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(smtp_server: SmtpServer) -> None:
    """Without ca_file the system's authorities decide; the password is not sent."""
    with pytest.raises(PlatformUnavailable, match=r"(?i)certificate"):
        await open_mailer(smtp_server.url, SENDER).send(mail())
    assert smtp_server.mails == []


@asynccontextmanager
async def scripted_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A mail server that does only what `talk` says; its port."""
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


async def read_command(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readline()
    if not line:
        raise ConnectionResetError
    return line.strip().upper()


def plain_talk(accepted: list[bytes], *, goodbye: bool) -> Callable[..., Awaitable[None]]:
    """A server without TLS that takes every mail and may not answer QUIT."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while True:
            command = await read_command(reader)
            if command.startswith(b"EHLO"):
                writer.write(b"250-scripted\r\n250 HELP\r\n")
            elif command == b"DATA":
                writer.write(b"354 go on\r\n")
                accepted.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            elif command == b"QUIT":
                if not goodbye:
                    await asyncio.Event().wait()
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 OK\r\n")

    return talk


async def test_a_plain_server_takes_mail_in_ascii_without_login() -> None:
    """smtp:// is for a relay beside us: no TLS, and no byte above 127 since it does not offer 8BITMIME."""
    accepted: list[bytes] = []
    async with scripted_server(plain_talk(accepted, goodbye=True)) as port:
        await open_mailer(f"smtp://127.0.0.1:{port}", SENDER).send(mail())
    (content,) = accepted
    assert content.isascii()
    message = message_from_bytes(content, EmailMessage, policy=policy.default)
    assert message["Subject"] == mail().subject


async def test_a_mail_that_was_accepted_is_sent_whatever_the_goodbye() -> None:
    """A server that hangs at QUIT has the mail: sending it again would double it."""
    accepted: list[bytes] = []
    async with scripted_server(plain_talk(accepted, goodbye=False)) as port:
        await open_mailer(f"smtp://127.0.0.1:{port}", SENDER).send(mail())
    assert len(accepted) == 1


async def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    """smtp+starttls:// never falls back to a plain connection."""
    accepted: list[bytes] = []
    async with scripted_server(plain_talk(accepted, goodbye=True)) as port:
        mailer = open_mailer(f"smtp+starttls://user:secret@127.0.0.1:{port}", SENDER)
        with pytest.raises(PlatformUnavailable):
            await mailer.send(mail())
    assert accepted == []


async def test_a_tarpit_costs_no_more_than_the_deadline() -> None:
    """One byte at a time keeps every single read alive; the deadline is over everything."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"220-wait\r\n")
            await asyncio.sleep(0.02)

    async with scripted_server(drip) as port:
        mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", sender=SENDER, deadline_s=0.3)
        with pytest.raises(PlatformUnavailable, match="TimeoutError"):
            await mailer.send(mail())


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
