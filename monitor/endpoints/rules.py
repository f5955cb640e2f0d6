"""/rules: what is watched, made and changed by operators through admin_api."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.endpoints.alerts import page
from monitor.endpoints.bodies import Actor, Removal, RuleBody, RuleEdit, body_of, checked_hours, checked_rule
from monitor.endpoints.shown import Shown
from monitor.repository.rules import (
    AlertRule,
    Recipient,
    RuleMissing,
    RuleNameTaken,
    RuleStale,
    add_rule,
    delete_rule,
    edit_rule,
    find_rule,
    page_of_rules,
    rule_names,
)
from monitor.service.trial import Trial
from openplatform.arguments import Arguments
from openplatform.errors import OpenPlatformError, business_error
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from openplatform.web import JsonAnswer, invalid

ALL = 10_000
"""More rules than APIs that anybody watches one by one; an admin_api of an earlier version asks for no page."""


class RuleEndpoints:
    """Answers {"rules": […]} or one rule. Refusals: isv.rule-not-found (404), isv.stale-version and isv.built-in (409)."""

    def __init__(self, database: Database, trial: Trial, clock: Clock, zone: ZoneInfo, shown: Shown) -> None:
        self._database = database
        self._trial = trial
        self._clock = clock
        self._zone = zone
        self._shown = shown

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/rules", self.list),
            Route("/rules", self.create, methods=["POST"]),
            Route("/rules/{rule_id:int}", self.get),
            Route("/rules/{rule_id:int}", self.edit, methods=["POST"]),
            Route("/rules/{rule_id:int}/delete", self.delete, methods=["POST"]),
            Route("/rules/{rule_id:int}/test", self.test, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """q: a part of the name or the API's name; metric; enabled: true or false; page_no, page_size: without them all are shown.

        names_only=true: of every rule its id and name alone, by name; the other arguments are not looked at.
        → {"total", "rules": […]}, else oldest first, without those that were deleted.
        """
        arguments = Arguments(dict(request.query_params), self._zone)
        if arguments.choice("names_only", ("false", "true"), "false") == "true":
            names = await rule_names(self._database)
            return JsonAnswer({"total": len(names), "rules": [{"id": i, "name": name} for i, name in names.items()]})
        enabled = arguments.choice("enabled", ("", "true", "false"), "")
        page_no, page_size = page(arguments) if arguments.has("page_no") else (1, ALL)
        total, rules = await page_of_rules(
            self._database,
            q=arguments.text("q", max_length=100),
            metric=arguments.text("metric", max_length=20),
            enabled=enabled == "true" if enabled else None,
            page_no=page_no,
            page_size=page_size,
        )
        return JsonAnswer({"total": total, "rules": [self._rule(rule) for rule in rules]})

    async def get(self, request: Request) -> Response:
        async with self._database.read() as connection:
            return JsonAnswer(self._rule(await self._find(connection, _id(request))))

    async def create(self, request: Request) -> Response:
        body = await body_of(request, RuleBody)
        values: dict[str, Any] = msgspec.to_builtins(body)
        by = values.pop("by")
        checked_rule(body.metric, body.api_name, values)
        checked_hours(body.active_from, body.active_to)
        now = self._now()
        recipients = _recipients(values.pop("recipients"))
        rule = AlertRule(**values, recipients=recipients, version=2, updated_by=by, create_time=now, update_time=now)

        async def write(connection: AsyncConnection) -> AlertRule:
            return await find_rule(connection, await add_rule(connection, rule))

        try:
            made = await self._database.run(write)
        except RuleNameTaken:
            raise _taken() from None
        return JsonAnswer(self._rule(made), 201)

    async def edit(self, request: Request) -> Response:
        body = await body_of(request, RuleEdit)
        changes: dict[str, Any] = msgspec.to_builtins(body)
        by, version = changes.pop("by"), changes.pop("version")

        async def write(connection: AsyncConnection) -> AlertRule:
            rule = await self._find(connection, _id(request))
            checked_rule(rule.metric, changes.get("api_name", rule.api_name), changes)
            checked_hours(changes.get("active_from", rule.active_from), changes.get("active_to", rule.active_to))
            values = dict(changes)
            if "recipients" in values:
                values["recipients"] = _recipients(values["recipients"])
            await edit_rule(connection, rule.id, version, values, by=by, now=self._now())
            return await find_rule(connection, rule.id)

        try:
            return JsonAnswer(self._rule(await self._database.run(write)))
        except RuleNameTaken:
            raise _taken() from None
        except RuleStale:
            raise _stale() from None

    async def delete(self, request: Request) -> Response:
        body = await body_of(request, Removal)

        async def write(connection: AsyncConnection) -> AlertRule:
            rule = await self._find(connection, _id(request))
            if rule.built_in:
                raise business_error(
                    "isv.built-in", f"the rule {rule.name} is the monitor's own: switch it off instead", http_status=409
                )
            await delete_rule(connection, rule, body.version, by=body.by, now=self._now())
            return rule

        try:
            return JsonAnswer(self._rule(await self._database.run(write)))
        except RuleStale:
            raise _stale() from None

    async def test(self, request: Request) -> Response:
        """Sends a test mail to every recipient now. → {"mails": […]}, each with what became of it."""
        await body_of(request, Actor)
        async with self._database.read() as connection:
            rule = await self._find(connection, _id(request))
        mails = await self._trial.send(rule)
        return JsonAnswer({"mails": [self._shown.mail(mail) for mail in mails]})

    @staticmethod
    async def _find(connection: AsyncConnection, rule_id: int) -> AlertRule:
        try:
            return await find_rule(connection, rule_id)
        except RuleMissing:
            raise business_error("isv.rule-not-found", f"there is no rule {rule_id}", http_status=404) from None

    def _rule(self, rule: AlertRule) -> dict[str, Any]:
        return self._shown.rule(rule, self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def _id(request: Request) -> int:
    rule_id: int = request.path_params["rule_id"]
    if rule_id >= 2**63:
        raise invalid("rule_id", "is too large")
    return rule_id


def _recipients(bodies: Sequence[dict[str, str]]) -> tuple[Recipient, ...]:
    recipients = tuple(Recipient(body["address"], body["language"]) for body in bodies)
    if len({recipient.address for recipient in recipients}) < len(recipients):
        raise invalid("recipients", "names an address twice")
    if len(",".join(" ".join(recipient) for recipient in recipients)) > 2000:
        raise invalid("recipients", "is too long in all: at most 2,000 characters")
    return recipients


def _taken() -> OpenPlatformError:
    return business_error("isv.name-taken", "another rule has this name", http_status=409)


def _stale() -> OpenPlatformError:
    return business_error("isv.stale-version", "somebody else changed the rule", http_status=409)
