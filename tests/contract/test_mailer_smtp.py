"""Promises of Mailer that only a mail server puts to the test: TLS, login, refusals, tarpits, goodbyes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from openplatform.adapters.backends import open_mailer
from openplatform.adapters.mailer_smtp import SmtpMailer
from openplatform.errors import PlatformUnavailable, StoreRejected
from openplatform.ports import Mailer
from tests.closing import stop_accepting
from tests.contract.mails import SENDER, mail
from tests.servers import SmtpServer


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
        await stop_accepting(server.sockets)
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
