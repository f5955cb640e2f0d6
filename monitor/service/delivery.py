"""Sends what is in the outbox, from any number of monitors, each mail by one of them at a time.

A mail is claimed before it is sent and settled after. A monitor that dies between the two leaves a claim that runs out; the mail
is then sent once more, with the same Message-ID.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from monitor.repository.addresses import mark_address
from monitor.repository.mails import OutboxMail, claim_mail, due_mails, settle_mail
from monitor.service.metrics import MonitorMetrics
from openplatform.errors import AddressRefused, PlatformUnavailable, StoreRejected
from openplatform.ports import Clock, Mailer
from openplatform.records import Mail
from openplatform.sql import AsyncConnection, Database

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Connections to the mail server at a time; a tarpit then delays at most this many mails by one deadline each."""
CLAIM_S = 60
"""Six times the mailer's deadline: a slow sender is not taken for a dead one."""
RETRY_AFTER = (1, 2, 4, 8, 15)
"""Pauses after the first, second … failure, in the first one's length; the last for ever: an alert mail is never given up."""
RETRY_S = 60


class Delivery:
    """Raises PlatformUnavailable when the monitor's own database cannot be reached; a mail server that is down is no error here."""

    def __init__(
        self, database: Database, mailer: Mailer, clock: Clock, metrics: MonitorMetrics, *, retry_s: int = RETRY_S
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._clock = clock
        self._metrics = metrics
        self._retry_s = retry_s

    async def send_due(self) -> int:
        """Tries every mail whose time has come once; returns how many were sent."""
        sent = 0
        while mails := await due_mails(self._database, self._now(), limit=AT_ONCE):
            # All of them end before a failure of our database is told: none goes on unseen.
            results = await asyncio.gather(*(self._send(mail) for mail in mails), return_exceptions=True)
            for failure in (result for result in results if isinstance(result, BaseException)):
                raise failure
            sent += sum(result is True for result in results)
        return sent

    async def send_now(self, mails: Sequence[OutboxMail]) -> None:
        """Tries these mails once, whether their time has come or not."""
        await asyncio.gather(*(self._send(mail) for mail in mails))

    async def _send(self, mail: OutboxMail) -> bool:
        if not await claim_mail(self._database, mail, until=self._now() + timedelta(seconds=CLAIM_S)):
            return False
        try:
            await self._mailer.send(
                Mail(
                    to=mail.recipient,
                    subject=mail.subject,
                    text=mail.body_text,
                    html=mail.body_html,
                    message_id=mail.message_id,
                    thread_id=mail.thread_id,
                )
            )
        except StoreRejected as error:
            log.warning("the mail %s to %s was refused: %s", mail.message_id, mail.recipient, error)
            if isinstance(error, AddressRefused):
                await self._mark(mail.recipient, str(error))
            await self._settle(mail, "bad", "refused", error)
            return False
        except PlatformUnavailable as error:
            log.warning("the mail %s was not sent, attempt %d: %s", mail.message_id, mail.attempts + 1, error.sub_msg)
            await self._settle(mail, "waiting", "retry", error)
            return False
        except Exception as error:
            log.exception("a fault while sending the mail %s", mail.message_id)
            await self._settle(mail, "waiting", "retry", error)
            return False
        await self._settle(mail, "sent", "sent", None)
        return True

    async def _mark(self, address: str, reason: str) -> None:
        async def write(connection: AsyncConnection) -> None:
            await mark_address(connection, address, reason, self._now())

        await self._database.run(write)

    async def _settle(self, mail: OutboxMail, state: str, result: str, error: Exception | None) -> None:
        self._metrics.mails.labels(result).inc()
        now = self._now()
        pause = timedelta(seconds=self._retry_s * RETRY_AFTER[min(mail.attempts, len(RETRY_AFTER) - 1)])
        await settle_mail(
            self._database,
            mail,
            state=state,
            next_at=now + pause if state == "waiting" else now,
            last_error="" if error is None else str(getattr(error, "sub_msg", "") or error),
            sent_at=now if state == "sent" else None,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)
