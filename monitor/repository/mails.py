"""The outbox: mails written in the transaction that judged a minute, sent later by whichever monitor claims them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.tables import mail_outbox
from openplatform.sql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMail:
    """One mail to one recipient. state: waiting, sending, sent, bad; attempts: how often it was claimed."""

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


_COLUMNS = tuple(column.name for column in mail_outbox.columns if column.name != "id")


async def add_mail(connection: AsyncConnection, mail: OutboxMail) -> bool:
    """Puts the mail into the outbox; False when this alert's mail to this recipient is there already."""
    try:
        async with connection.begin_nested():
            await connection.execute(sa.insert(mail_outbox).values({name: getattr(mail, name) for name in _COLUMNS}))
    except IntegrityError:
        return False
    return True


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
    database: Database, *, state: str | None, page_no: int, page_size: int
) -> tuple[int, Sequence[OutboxMail]]:
    """(how many there are, one page newest first). state None = all."""
    condition = sa.true() if state is None else mail_outbox.c.state == state
    async with database.read() as connection:
        total = await connection.execute(sa.select(sa.func.count()).select_from(mail_outbox).where(condition))
        rows = await connection.execute(
            sa.select(mail_outbox)
            .where(condition)
            .order_by(mail_outbox.c.id.desc())
            .limit(page_size)
            .offset((page_no - 1) * page_size)
        )
        return int(total.scalar_one()), [OutboxMail(**row._mapping) for row in rows]
