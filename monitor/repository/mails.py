"""The outbox: mails written in the transaction that judged a minute, sent later by whichever monitor claims them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.repository.addresses import trust_address
from monitor.repository.pages import page_of
from monitor.tables import mail_outbox
from openplatform.sql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMail:
    """One mail to one recipient. attempts: how often it was claimed.

    state: waiting, sending, sent, bad (refused for good), held (over the storm cap), digested (told of in a digest).
    """

    id: int = 0
    rule_id: int
    alert_group: str
    window_start: datetime
    kind: str
    recipient: str
    subject: str
    body_text: str
    body_html: str
    message_id: str
    thread_id: str
    state: str = "waiting"
    attempts: int = 0
    next_at: datetime
    last_error: str = ""
    create_time: datetime
    sent_at: datetime | None = None
    language: str = "zh"


class MailMissing(Exception):
    """No mail has this id."""


class MailSettled(Exception):
    """The mail was sent already, or is being sent."""


_COLUMNS = tuple(column.name for column in mail_outbox.columns if column.name != "id")


async def add_mail(connection: AsyncConnection, mail: OutboxMail) -> bool:
    """Puts the mail into the outbox; False when this alert's mail to this recipient is there already."""
    try:
        async with connection.begin_nested():
            await connection.execute(sa.insert(mail_outbox).values({name: getattr(mail, name) for name in _COLUMNS}))
    except IntegrityError:
        return False
    return True


async def mails_since(connection: AsyncConnection, recipient: str, since: datetime) -> int:
    """How many alert mails the recipient was or will be sent that were written after `since`."""
    counted = await connection.execute(
        sa.select(sa.func.count())
        .select_from(mail_outbox)
        .where(
            mail_outbox.c.recipient == recipient,
            mail_outbox.c.create_time > since,
            mail_outbox.c.state.in_(("waiting", "sending", "sent")),
            mail_outbox.c.kind.not_in(("test", "digest")),
        )
    )
    return int(counted.scalar_one())


async def held_mails(connection: AsyncConnection) -> dict[str, list[OutboxMail]]:
    """recipient → mails that were held back and not told of yet, oldest first."""
    rows = await connection.execute(
        sa.select(mail_outbox).where(mail_outbox.c.state == "held").order_by(mail_outbox.c.id)
    )
    found: dict[str, list[OutboxMail]] = {}
    for row in rows:
        found.setdefault(row.recipient, []).append(OutboxMail(**row._mapping))
    return found


async def last_digest(connection: AsyncConnection, recipient: str) -> datetime | None:
    """When the recipient's latest digest was written."""
    of_recipient = (mail_outbox.c.recipient == recipient) & (mail_outbox.c.kind == "digest")
    query = sa.select(mail_outbox.c.create_time).where(of_recipient).order_by(mail_outbox.c.id.desc()).limit(1)
    moment: datetime | None = (await connection.execute(query)).scalar_one_or_none()
    return moment


async def mark_digested(connection: AsyncConnection, mails: Sequence[OutboxMail]) -> None:
    """Notes that a digest tells of them."""
    ids = [mail.id for mail in mails]
    told = (mail_outbox.c.id.in_(ids)) & (mail_outbox.c.state == "held")
    await connection.execute(sa.update(mail_outbox).where(told).values(state="digested"))


async def due_mails(database: Database, now: datetime, *, limit: int) -> Sequence[OutboxMail]:
    """Mails whose time has come, oldest first; among them those whose sender died while sending."""
    async with database.read() as connection:
        rows = await connection.execute(
            sa.select(mail_outbox)
            .where(mail_outbox.c.state.in_(("waiting", "sending")), mail_outbox.c.next_at <= now)
            .order_by(mail_outbox.c.next_at, mail_outbox.c.id)
            .limit(limit)
        )
        return [OutboxMail(**row._mapping) for row in rows]


async def claim_mail(database: Database, mail: OutboxMail, *, until: datetime) -> bool:
    """Makes the mail ours until then; False when another sender was quicker. attempts is the fencing number."""

    async def claim(connection: AsyncConnection) -> bool:
        claimed = await connection.execute(
            sa.update(mail_outbox)
            .where(
                mail_outbox.c.id == mail.id,
                mail_outbox.c.attempts == mail.attempts,
                mail_outbox.c.state.in_(("waiting", "sending")),
            )
            .values(state="sending", attempts=mail.attempts + 1, next_at=until)
        )
        return claimed.rowcount == 1

    return await database.run(claim)


async def settle_mail(
    database: Database,
    mail: OutboxMail,
    *,
    state: str,
    next_at: datetime,
    last_error: str = "",
    sent_at: datetime | None = None,
) -> None:
    """Writes what became of a claimed mail; nothing when the claim ran out and the mail is another's by now."""

    async def settle(connection: AsyncConnection) -> None:
        await connection.execute(
            sa.update(mail_outbox)
            .where(mail_outbox.c.id == mail.id, mail_outbox.c.attempts == mail.attempts + 1)
            .values(state=state, next_at=next_at, last_error=last_error[:255], sent_at=sent_at)
        )

    await database.run(settle)


async def page_of_mails(
    database: Database, *, state: str | None, thread_id: str | None = None, page_no: int, page_size: int
) -> tuple[int, Sequence[OutboxMail]]:
    """(how many there are, one page newest first). None = all."""
    asked = ((mail_outbox.c.state, state), (mail_outbox.c.thread_id, thread_id))
    conditions = [column == value for column, value in asked if value is not None]
    # Walking through the ids themselves reads the texts with them; an index on the conditions holds ids, and no time.
    order = [mail_outbox.c.id.desc()] if conditions else [mail_outbox.c.create_time.desc(), mail_outbox.c.id.desc()]
    total, rows = await page_of(database, mail_outbox, conditions, *order, page_no=page_no, page_size=page_size)
    return total, [OutboxMail(**row._mapping) for row in rows]


async def find_mail(connection: AsyncConnection, mail_id: int) -> OutboxMail:
    """Raises MailMissing."""
    row = (await connection.execute(sa.select(mail_outbox).where(mail_outbox.c.id == mail_id))).first()
    if row is None:
        raise MailMissing
    return OutboxMail(**row._mapping)


async def retry_mail(connection: AsyncConnection, mail_id: int, now: datetime) -> OutboxMail:
    """Makes a mail due that waits, was held back or refused, and trusts its address again. Raises MailMissing, MailSettled."""
    mail = await find_mail(connection, mail_id)
    can_go = (mail_outbox.c.id == mail_id) & mail_outbox.c.state.in_(("waiting", "bad", "held", "digested"))
    written = await connection.execute(sa.update(mail_outbox).where(can_go).values(state="waiting", next_at=now))
    if written.rowcount == 0:
        raise MailSettled
    await trust_address(connection, mail.recipient)
    return await find_mail(connection, mail_id)


async def delivery_of(connection: AsyncConnection, thread_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """thread_id → state → number of mails."""
    rows = await connection.execute(
        sa.select(mail_outbox.c.thread_id, mail_outbox.c.state, sa.func.count().label("mails"))
        .where(mail_outbox.c.thread_id.in_(thread_ids))
        .group_by(mail_outbox.c.thread_id, mail_outbox.c.state)
    )
    found: dict[str, dict[str, int]] = {thread_id: {} for thread_id in thread_ids}
    for row in rows:
        found[row.thread_id][row.state] = row.mails
    return found
