"""A Mail record as an internet message (RFC 5322), the same for every mailer; nothing in it can become a header of its own."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import EmailPolicy

from openplatform.errors import AddressRefused, SettingsError, StoreRejected
from openplatform.records import MAIL_ADDRESS, MAIL_SENDER, Mail

MAX_SUBJECT = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TEXT_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,120}@[A-Za-z0-9.-]{1,120}")


def build_message(mail: Mail, sender: str, policy: "EmailPolicy[EmailMessage]", *, cte: str) -> EmailMessage:
    """The message: plain text, and HTML beside it where the mail has some.

    cte: the parts' Content-Transfer-Encoding. Control characters and line breaks in the subject become one space, so that an API
    name can add no header; an address that is none raises AddressRefused, an id that is none StoreRejected: every attempt would fail.
    """
    if not MAIL_ADDRESS.fullmatch(mail.to):
        raise AddressRefused(f"{mail.to!r} is no mail address")
    for message_id in (mail.message_id, mail.thread_id):
        if message_id is not None and not _MESSAGE_ID.fullmatch(message_id):
            raise StoreRejected(f"{message_id!r} is no message id")
    message = EmailMessage(policy)
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = _CONTROL.sub(" ", mail.subject).strip()[:MAX_SUBJECT]
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = f"<{mail.message_id}>"
    if mail.thread_id is not None:
        message["In-Reply-To"] = f"<{mail.thread_id}>"
        message["References"] = f"<{mail.thread_id}>"
    # No out-of-office answers, no loops between robots.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["Precedence"] = "bulk"
    message.set_content(_TEXT_CONTROL.sub("", mail.text), cte=cte)
    if mail.html is not None:
        message.add_alternative(_TEXT_CONTROL.sub("", mail.html), subtype="html", cte=cte)
    return message


def checked_sender(sender: str) -> str:
    """`a@b.c` or `Name <a@b.c>`, as it will stand in From. Raises SettingsError."""
    if not MAIL_SENDER.fullmatch(sender):
        raise SettingsError(f"PAILOU_MAIL_FROM: {sender!r} is neither `a@b.c` nor `Name <a@b.c>`")
    return sender
