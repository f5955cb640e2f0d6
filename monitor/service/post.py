"""Puts mails into the outbox: holds back those over the storm cap and tells of them in a digest, leaves dead addresses alone."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.repository.addresses import refused_addresses
from monitor.repository.mails import OutboxMail, add_mail, held_mails, last_digest, mails_since, mark_digested
from monitor.repository.rules import AlertRule
from monitor.service.letters import Letterhead
from monitor.service.notices import digest_mail
from openplatform.sql import AsyncConnection

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
DEAD_FOR = timedelta(days=1)
"""How long an address that was refused is left alone: one wrong refusal must not end all alerts of somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StormCap:
    """mails: to one recipient within an hour; more are told of in digests, at most one every `digest_s`."""

    mails: int
    digest_s: int


async def post(connection: AsyncConnection, mails: Iterable[OutboxMail], cap: StormCap, now: datetime) -> None:
    """Adds each mail once, in the state that fits."""
    refused = await refused_addresses(connection, now - DEAD_FOR)
    for mail in mails:
        state, error = "waiting", ""
        if mail.recipient in refused:
            state, error = "bad", f"the address was refused before: {refused[mail.recipient]}"
        elif await mails_since(connection, mail.recipient, now - HOUR) >= cap.mails:
            state = "held"
        if not await add_mail(connection, replace(mail, state=state, last_error=error[:255])):
            log.warning("the %s mail of rule %d was in the outbox already", mail.kind, mail.rule_id)


async def post_digests(
    connection: AsyncConnection,
    rules: Iterable[AlertRule],
    cap: StormCap,
    *,
    at: datetime,
    now: datetime,
    head: Letterhead,
) -> None:
    """Tells every recipient of the mails that were held back, in one mail."""
    by_id = {rule.id: rule for rule in rules}
    for recipient, held in (await held_mails(connection)).items():
        last = await last_digest(connection, recipient)
        # A digest is of no rule; the outbox' key wants one.
        rule = next((by_id[mail.rule_id] for mail in held if mail.rule_id in by_id), next(iter(by_id.values()), None))
        if rule is None or (last is not None and last > now - timedelta(seconds=cap.digest_s)):
            continue
        await add_mail(connection, digest_mail(rule, held, cap=cap.mails, at=at, now=now, head=head))
        await mark_digested(connection, held)
