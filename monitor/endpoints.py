"""What the monitor tells other services: alerts, rules, and what became of mails. With the internal key only."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.repository.events import AlertEvent, page_of_events
from monitor.repository.mails import OutboxMail, page_of_mails
from monitor.repository.rules import AlertRule, all_rules
from openplatform.arguments import Arguments
from openplatform.sql import Database
from openplatform.web import JsonAnswer

MAIL_STATES = ("waiting", "sending", "sent", "bad")


class MonitorEndpoints:
    """Pages are asked by page_no (from 1) and page_size (1 to 100), newest first. Times are ISO 8601 in the platform's zone."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/alerts", self.alerts), Route("/rules", self.rules), Route("/mails", self.mails)]

    async def alerts(self, request: Request) -> Response:
        """state: open, closed or all. → {"total", "alerts": […]}"""
        arguments = self._arguments(request)
        state = arguments.choice("state", ("all", "open", "closed"), "all")
        page_no, page_size = _page(arguments)
        is_open = {"all": None, "open": True, "closed": False}[state]
        total, events = await page_of_events(self._database, is_open=is_open, page_no=page_no, page_size=page_size)
        return JsonAnswer({"total": total, "alerts": [self._alert(event) for event in events]})

    async def rules(self, request: Request) -> Response:
        """→ {"rules": […]}, oldest first."""
        return JsonAnswer({"rules": [self._rule(rule) for rule in await all_rules(self._database)]})

    async def mails(self, request: Request) -> Response:
        """state: waiting, sending, sent, bad or all. → {"total", "mails": […]}, without their bodies."""
        arguments = self._arguments(request)
        state = arguments.choice("state", ("all", *MAIL_STATES), "all")
        page_no, page_size = _page(arguments)
        total, mails = await page_of_mails(
            self._database, state=None if state == "all" else state, page_no=page_no, page_size=page_size
        )
        return JsonAnswer({"total": total, "mails": [self._mail(mail) for mail in mails]})

    def _arguments(self, request: Request) -> Arguments:
        return Arguments(dict(request.query_params), self._zone)

    def _alert(self, event: AlertEvent) -> dict[str, object]:
        return {
            "id": event.id,
            "rule_id": event.rule_id,
            "group": event.alert_group,
            "api_name": event.api_name,
            "value": event.value,
            "peak": event.peak,
            "calls": event.calls,
            "errors": event.errors,
            "p95_ms": event.p95_ms,
            "detail": event.detail,
            "opened_at": self._time(event.opened_at),
            "seen_at": self._time(event.seen_at),
            "notified_at": self._time(event.notified_at),
            "closed_at": self._time(event.closed_at),
        }

    def _rule(self, rule: AlertRule) -> dict[str, object]:
        return {
            "id": rule.id,
            "name": rule.name,
            "api_name": rule.api_name,
            "metric": rule.metric,
            "threshold": rule.threshold,
            "window_s": rule.window_s,
            "min_calls": rule.min_calls,
            "severity": rule.severity,
            "recipients": list(rule.recipients),
            "enabled": rule.enabled,
            "version": rule.version,
            "update_time": self._time(rule.update_time),
        }

    def _mail(self, mail: OutboxMail) -> dict[str, object]:
        return {
            "id": mail.id,
            "rule_id": mail.rule_id,
            "group": mail.alert_group,
            "window_start": self._time(mail.window_start),
            "kind": mail.kind,
            "recipient": mail.recipient,
            "subject": mail.subject,
            "message_id": mail.message_id,
            "thread_id": mail.thread_id,
            "state": mail.state,
            "attempts": mail.attempts,
            "next_at": self._time(mail.next_at) if mail.state in ("waiting", "sending") else None,
            "last_error": mail.last_error,
            "create_time": self._time(mail.create_time),
            "sent_at": self._time(mail.sent_at),
        }

    def _time(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.astimezone(self._zone).isoformat(timespec="seconds")


def _page(arguments: Arguments) -> tuple[int, int]:
    # A bound of its own: page_no times page_size must fit what databases take for an offset.
    return arguments.integer("page_no", low=1, high=1_000_000) or 1, arguments.page()[1]
