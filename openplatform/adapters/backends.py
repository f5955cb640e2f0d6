"""URL scheme → adapter: the only place where a setting decides which technology plays a role."""

from pathlib import Path
from urllib.parse import urlsplit

from openplatform.adapters.mailer_outbox import OutboxMailer
from openplatform.adapters.mailer_smtp import DEFAULT_PORTS, SmtpMailer
from openplatform.errors import SettingsError
from openplatform.ports import Mailer

MAILER_SCHEMES = ("outbox", *DEFAULT_PORTS)


def open_mailer(url: str, sender: str) -> Mailer:
    """`outbox:///folder` (`outbox://folder` is relative), `smtp+starttls://user:password@host:587`, `smtps://…`, `smtp://host:25`.

    sender: `a@b.c` or `Name <a@b.c>`. Nothing is connected or written yet. Raises SettingsError.
    """
    parts = urlsplit(url)
    if parts.scheme == "outbox":
        folder = parts.netloc + parts.path
        if not folder.strip("/"):
            raise SettingsError("PAILOU_MAILER_URL: outbox:// needs a folder, e.g. outbox:///var/outbox")
        return OutboxMailer(Path(folder), sender=sender)
    if parts.scheme in DEFAULT_PORTS:
        return SmtpMailer(url, sender=sender)
    raise SettingsError(f"PAILOU_MAILER_URL: {parts.scheme}:// is none of {', '.join(MAILER_SCHEMES)}")
