"""/alerts and /silences: what is wrong, who looks after it, and whom it is not told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.endpoints.bodies import AckBody, Actor, SilenceBody, body_of
from monitor.endpoints.shown import Shown
from monitor.repository.events import (
    AlertEvent,
    EventMissing,
    EventState,
    acknowledge,
    find_event,
    page_of_events,
    samples_of,
)
from monitor.repository.mails import delivery_of, page_of_mails
from monitor.repository.rules import rules_by_id
from monitor.repository.silences import (
    Silence,
    SilenceMissing,
    add_silence,
    end_silence,
    page_of_silences,
    silences_at,
)
from openplatform.arguments import Arguments
from openplatform.errors import OpenPlatformError, business_error
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from openplatform.web import JsonAnswer, invalid

MAX_ID = 2**63 - 1
LONGEST_SILENCE = timedelta(days=31)
MAX_MAILS = 100


class AlertEndpoints:
    """Pages are asked by page_no (from 1) and page_size (1 to 100), newest first."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo, shown: Shown) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._shown = shown

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/alerts", self.list),
            Route("/alerts/{event_id:int}", self.get),
            Route("/alerts/{event_id:int}/ack", self.ack, methods=["POST"]),
            Route("/silences", self.silences),
            Route("/silences", self.silence, methods=["POST"]),
            Route("/silences/{silence_id:int}/end", self.unsilence, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """state: open (pending, alerting), closed or all; rule_id; api_name: a part of it. → {"total", "alerts": […]}"""
        arguments = Arguments(dict(request.query_params), self._zone)
        state: Any = arguments.choice("state", get_args(EventState), "all")
        page_no, page_size = page(arguments)
        total, events = await page_of_events(
            self._database,
            state=state,
            rule_id=arguments.integer("rule_id", high=MAX_ID),
            api_name=arguments.text("api_name", max_length=100),
            page_no=page_no,
            page_size=page_size,
        )
        return JsonAnswer({"total": total, "alerts": await self._alerts(events)})

    async def get(self, request: Request) -> Response:
        """One alert, with `outbox`: its mails, newest first, with their plain text."""
        async with self._database.read() as connection:
            event = await self._find(connection, _id(request, "event_id"))
        [alert] = await self._alerts([event])
        _, mails = await page_of_mails(
            self._database, state=None, thread_id=event.thread_id, page_no=1, page_size=MAX_MAILS
        )
        return JsonAnswer(alert | {"outbox": [self._shown.mail(mail, with_text=True) for mail in mails]})

    async def ack(self, request: Request) -> Response:
        """Ends the reminders of this alert. → the alert."""
        body, event_id = await body_of(request, AckBody), _id(request, "event_id")

        async def write(connection: AsyncConnection) -> AlertEvent:
            await self._find(connection, event_id)
            return await acknowledge(connection, event_id, by=body.by, note=body.note, now=self._now())

        [alert] = await self._alerts([await self._database.run(write)])
        return JsonAnswer(alert)

    async def silences(self, request: Request) -> Response:
        """state: in_force or all. → {"total", "silences": […]}"""
        arguments = Arguments(dict(request.query_params), self._zone)
        in_force_only = arguments.choice("state", ("all", "in_force"), "all") == "in_force"
        page_no, page_size = page(arguments)
        total, silences = await page_of_silences(
            self._database, self._now(), in_force_only=in_force_only, page_no=page_no, page_size=page_size
        )
        return JsonAnswer({"total": total, "silences": await self._silences(silences)})

    async def silence(self, request: Request) -> Response:
        """No mails about an API, a rule, or an API under a rule until then. → the silence, 201."""
        body, now = await body_of(request, SilenceBody), self._now()
        if not now < body.until <= now + LONGEST_SILENCE:
            raise invalid("until", f"must be in the next {LONGEST_SILENCE.days} days")
        if body.rule_id is None and body.api_name is None:
            raise invalid("rule_id", "or api_name must be given: a silence of everything would be forgotten")
        if body.rule_id is not None and not await rules_by_id(self._database, [body.rule_id]):
            raise invalid("rule_id", "names no rule")
        silence = Silence(
            rule_id=body.rule_id,
            api_name=body.api_name,
            until=body.until.astimezone(UTC),
            reason=body.reason,
            created_by=body.by,
            create_time=now,
        )
        made = await self._database.run(lambda connection: add_silence(connection, silence))
        [shown] = await self._silences([made])
        return JsonAnswer(shown, 201)

    async def unsilence(self, request: Request) -> Response:
        """Takes a silence back. → the silence."""
        body, silence_id = await body_of(request, Actor), _id(request, "silence_id")
        try:
            ended = await self._database.run(
                lambda connection: end_silence(connection, silence_id, by=body.by, now=self._now())
            )
        except SilenceMissing:
            raise _missing("silence", silence_id) from None
        [shown] = await self._silences([ended])
        return JsonAnswer(shown)

    async def _silences(self, silences: Sequence[Silence]) -> Sequence[dict[str, Any]]:
        rules = await rules_by_id(self._database, [silence.rule_id for silence in silences])
        names = {rule.id: rule.name for rule in rules.values()}
        return [self._shown.silence(silence, names, self._now()) for silence in silences]

    async def _alerts(self, events: Sequence[AlertEvent]) -> Sequence[dict[str, Any]]:
        rules = await rules_by_id(self._database, [event.rule_id for event in events])
        async with self._database.read() as connection:
            samples = await samples_of(connection, [event.id for event in events])
            mails = await delivery_of(connection, [event.thread_id for event in events])
            silences = await silences_at(connection, self._now())
        return [
            self._shown.alert(
                event,
                rules.get(event.rule_id),
                samples=samples[event.id],
                mails=mails[event.thread_id],
                silenced_until=max((s.until for s in silences if s.covers(event.rule_id, event.subject)), default=None)
                if event.closed_at is None
                else None,
                now=self._now(),
            )
            for event in events
        ]

    @staticmethod
    async def _find(connection: AsyncConnection, event_id: int) -> AlertEvent:
        try:
            return await find_event(connection, event_id)
        except EventMissing:
            raise _missing("alert", event_id) from None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def page(arguments: Arguments) -> tuple[int, int]:
    """(page_no, page_size). A bound of its own: page_no times page_size must fit what databases take for an offset."""
    return arguments.integer("page_no", low=1, high=1_000_000) or 1, arguments.page()[1]


def _id(request: Request, name: str) -> int:
    value: int = request.path_params[name]
    if value > MAX_ID:
        raise invalid(name, "is too large")
    return value


def _missing(what: str, row_id: int) -> OpenPlatformError:
    return business_error(f"isv.{what}-not-found", f"there is no {what} {row_id}", http_status=404)
