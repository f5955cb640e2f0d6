"""The test of a rule: a mail to each of its recipients, sent at once, so that an operator sees whether it arrives."""

from collections.abc import Sequence
from datetime import UTC, datetime

from monitor.repository.mails import OutboxMail, add_mail, page_of_mails
from monitor.repository.rules import AlertRule
from monitor.service.delivery import Delivery
from monitor.service.letters import Letterhead
from monitor.service.notices import trial_mails
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database

MAX_RECIPIENTS = 20


class Trial:
    """Writes test mails into the outbox, like any other, and tries them at once; those that fail are retried like any other."""

    def __init__(self, database: Database, delivery: Delivery, clock: Clock, head: Letterhead) -> None:
        self._database = database
        self._delivery = delivery
        self._clock = clock
        self._head = head

    async def send(self, rule: AlertRule) -> Sequence[OutboxMail]:
        """The mails as they are after one attempt each."""
        mails = trial_mails(rule, now=datetime.fromtimestamp(self._clock.now(), UTC), head=self._head)

        async def write(connection: AsyncConnection) -> None:
            for mail in mails:
                await add_mail(connection, mail)

        await self._database.run(write)
        thread_id = mails[0].thread_id
        _, written = await page_of_mails(
            self._database, state=None, thread_id=thread_id, page_no=1, page_size=MAX_RECIPIENTS
        )
        await self._delivery.send_now([mail for mail in written if mail.state == "waiting"])
        _, tried = await page_of_mails(
            self._database, state=None, thread_id=thread_id, page_no=1, page_size=MAX_RECIPIENTS
        )
        return tried
