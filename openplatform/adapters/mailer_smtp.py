"""Plays Mailer over SMTP: one connection per mail, TLS checked against the server's name, ten seconds for everything."""

import asyncio
import ssl
from contextlib import suppress
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from openplatform.adapters.mail_message import build_message, checked_sender
from openplatform.errors import PLATFORM_UNAVAILABLE, AddressRefused, SettingsError, StoreRejected
from openplatform.records import Mail

DEADLINE_S = 10.0
"""For one mail, from connecting to the server's 250: a tarpit costs a sender no more than this."""
GOODBYE_S = 1.0
DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


class SmtpMailer:
    """url: `smtp+starttls://user:password@host:587`, `smtps://user:password@host:465` or `smtp://host:25`.

    `?ca_file=/path.pem` trusts that certificate in place of the system's. STARTTLS that the server does not offer is a failure,
    never a plain connection; a login without TLS is refused by SettingsError. A refusal of the recipient (5xx) raises
    AddressRefused, one of the message StoreRejected; everything else (also a refused login or sender: that is ours to mend)
    PlatformUnavailable.
    """

    def __init__(self, url: str, *, sender: str, deadline_s: float = DEADLINE_S) -> None:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise SettingsError("PAILOU_MAILER_URL: the mail server's name is missing")
        if parts.username and parts.scheme == "smtp":
            raise SettingsError("PAILOU_MAILER_URL: a login needs smtp+starttls:// or smtps://")
        self._sender = checked_sender(sender)
        self._envelope_sender = parseaddr(sender)[1]
        self._deadline_s = deadline_s
        self._host = parts.hostname
        self._port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._scheme = parts.scheme
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = None if parts.scheme == "smtp" else _tls_context(parse_qs(parts.query).get("ca_file", [""])[0])

    async def send(self, mail: Mail) -> None:
        # base64: every server takes it, also one that cannot do 8BITMIME.
        message = build_message(mail, self._sender, SMTP_POLICY, cte="base64").as_bytes()
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._scheme == "smtps",
            start_tls=False,  # `_greet` does it, and the login, so that a failure leaves us the connection to close
            tls_context=self._tls,
            local_hostname=self._envelope_sender.rpartition("@")[2],  # the machine's own name would be asked of DNS
            timeout=self._deadline_s,
        )
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._greet(client)
                await client.sendmail(self._envelope_sender, [mail.to], message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0].code, error.recipients[0].message, AddressRefused) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refusal(error.code, error.message, StoreRejected) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise PLATFORM_UNAVAILABLE(f"mail server: {type(error).__name__}: {str(error)[:200]}") from error
        finally:
            await _hang_up(client)

    async def _greet(self, client: aiosmtplib.SMTP) -> None:
        await client.connect()
        if self._scheme == "smtp+starttls":
            await client.starttls()
        if self._user is not None:
            await client.login(self._user, self._password or "")


async def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Says goodbye and closes. Raises nothing: a mail that was accepted must not be sent again for the goodbye's sake."""
    transport = client.transport
    if client.is_connected:
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=GOODBYE_S)
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # close() alone would wait for the server's half of the TLS goodbye
        await asyncio.sleep(0)


def _refusal(code: int, text: str, kind: type[StoreRejected]) -> Exception:
    if 500 <= code < 600:
        return kind(f"{code} {text}"[:200])
    return PLATFORM_UNAVAILABLE(f"mail server: {code} {text}"[:200])


def _tls_context(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise SettingsError(f"PAILOU_MAILER_URL: ca_file {ca_file} cannot be read ({error})") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
