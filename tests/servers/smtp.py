"""A mail server in the test process: STARTTLS and login demanded, mails kept in memory, refusals on request."""

import asyncio
import datetime
import ipaddress
import secrets
import ssl
import threading
import weakref
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.closing import stop_accepting
from tests.servers.ports import free_port

READY_WITHIN_S = 120.0
"""aiosmtpd's own five seconds are short on a machine that stands still for some."""


@dataclass(frozen=True)
class Mail:
    """One accepted mail: the envelope's addresses and the parsed message."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    over_tls: bool


class _Controller(Controller):
    """aiosmtpd's, which leaves connections open when it stops, each a warning in whatever test runs when it is collected."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, ready_timeout=READY_WITHIN_S, **options)
        self._connections: weakref.WeakSet[SMTP] = weakref.WeakSet()

    def factory(self) -> SMTP:
        made = super().factory()
        self._connections.add(made)
        return made

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result()
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        await stop_accepting(self.server.sockets)
        self.server.close()
        for connection in self._connections:
            # After STARTTLS both: a TLS transport that was closed twice, as aiosmtpd does at QUIT, cannot be aborted any more.
            for transport in (connection._original_transport, connection.transport):
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
        handlers = asyncio.all_tasks() - {asyncio.current_task()}
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


@dataclass
class SmtpServer:
    """`smtp+starttls://user:password@localhost:port`; a client must trust `certificate` (PEM).

    `refused` maps a recipient to the reply it gets (`550 no such user`); `data_reply`, when set, is the answer to every
    message instead of 250 (`451 try later`). Both may be changed while it runs.
    """

    folder: Path
    user: str = "mailer@pailou.example"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    port: int = field(default_factory=free_port)
    refused: dict[str, str] = field(default_factory=dict)
    data_reply: str | None = None

    def __post_init__(self) -> None:
        self.url = f"smtp+starttls://{quote(self.user)}:{quote(self.password)}@localhost:{self.port}"
        self.certificate = self.folder / "smtp.pem"
        self._mails: list[Mail] = []
        self._arrived = threading.Condition()
        self._controller: _Controller | None = None

    def start(self) -> None:
        """Listen on 127.0.0.1 in a thread of its own. Returns when connections are accepted."""
        if not self.certificate.exists():
            write_certificate(self.certificate)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.certificate)
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            server_hostname="localhost",
            tls_context=tls,
            require_starttls=True,
            authenticator=self._authenticate,
            auth_required=True,
        )
        self._controller.start()

    def stop(self) -> None:
        """Stop listening; mails stay. `start()` brings it back on the same port."""
        controller, self._controller = self._controller, None
        if controller is not None:
            controller.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def mails(self) -> list[Mail]:
        """The mails accepted so far, oldest first."""
        with self._arrived:
            return list(self._mails)

    def clear(self) -> None:
        """Forget all mails, refusals and replies."""
        self.refused.clear()
        self.data_reply = None
        with self._arrived:
            self._mails.clear()

    def wait_for(self, count: int, timeout_s: float = 120.0) -> list[Mail]:
        """Wait until at least `count` mails have come; AssertionError after `timeout_s`. For synchronous tests."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._mails) >= count, timeout_s):
                raise AssertionError(f"{len(self._mails)} mails came in {timeout_s:.0f} s, expected {count}")
            return list(self._mails)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse the recipients that `refused` names."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail unless `data_reply` says otherwise."""
        if self.data_reply is not None:
            return self.data_reply
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        message = message_from_bytes(content, EmailMessage, policy=policy.default)
        assert isinstance(message, EmailMessage)
        mail = Mail(envelope.mail_from or "", list(envelope.rcpt_tos), message, session.ssl is not None)
        with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()
        return "250 OK"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object
    ) -> AuthResult:
        right = LoginPassword(self.user.encode(), self.password.encode())
        return AuthResult(success=login == right, handled=False)


def write_certificate(path: Path) -> None:
    """Write a self-signed certificate for localhost, valid for a day, and its key into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
