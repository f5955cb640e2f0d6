"""Plays Mailer with a folder: one .eml file per mail, for `pailou dev` and tests; any mail program opens them."""

import asyncio
import hashlib
import os
import re
import secrets
from email.policy import SMTPUTF8
from pathlib import Path

from openplatform.adapters.mail_message import build_message, checked_sender
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.records import Mail

_UNSAFE = re.compile(r"[^A-Za-z0-9@._-]")
READABLE = SMTPUTF8.clone(cte_type="8bit")
"""Subjects and text stand in the file as UTF-8, so that `grep` and people can read them."""


class OutboxMailer:
    """folder: made when it is missing. A mail that is sent again replaces its own file: its name follows from the message_id."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder = folder
        self._sender = checked_sender(sender)

    async def send(self, mail: Mail) -> None:
        content = build_message(mail, self._sender, READABLE, cte="8bit").as_bytes()
        try:
            await asyncio.to_thread(self._write, file_name(mail.message_id), content)
        except OSError as error:
            raise PLATFORM_UNAVAILABLE(f"the outbox {self._folder} cannot be written: {error.strerror}") from error

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{name}.{secrets.token_hex(4)}"
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._folder / name)
        finally:
            unfinished.unlink(missing_ok=True)


def file_name(message_id: str) -> str:
    """Readable and unique: the id, shortened and without what file systems dislike, and a hash of the whole id."""
    return f"{_UNSAFE.sub('_', message_id)[:80]}-{hashlib.sha256(message_id.encode()).hexdigest()[:12]}.eml"
