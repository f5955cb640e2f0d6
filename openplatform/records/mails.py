"""E-mail: one mail to one recipient, and which addresses it may name."""

import re

from openplatform.records.record import Record

_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
MAIL_ADDRESS = re.compile(rf"(?=.{{3,254}}$){_ADDRESS}")
"""The addresses of HTML's e-mail field, which every mail server takes: no quotes, spaces, comments or other scripts."""
MAIL_SENDER = re.compile(rf'{_ADDRESS}|[^<>"(),:;@\[\]\\\x00-\x1f\x7f]+ <{_ADDRESS}>')
"""`a@b.c` or `Name <a@b.c>`."""


class Mail(Record, frozen=True, kw_only=True):
    """One e-mail to one recipient. message_id: without angle brackets, the same for every attempt to send this mail."""

    to: str
    subject: str
    text: str
    html: str | None = None
    message_id: str
    thread_id: str | None = None
