"""/alerts/rules: what the monitor watches, and whom it tells."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.alerts.service.monitor import Monitor
from admin_api.alerts.service.rules import Rules
from admin_api.alerts.service.shapes import RuleDraft, RuleEdit, RuleListing, RuleView
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.parts import Parts
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.shapes import Id

FORM = "alert_rules/form.html"
LIST_PATH = "/alerts/rules"
METRICS = {
    "mean_ms": (N_("Mean response time"), "ms"),
    "p95_ms": (N_("p95 response time"), "ms"),
    "error_rate": (N_("Error rate"), "%"),
    "no_data": (N_("Missing calls"), ""),
    "blind": (N_("Call logs are late"), "s"),
    "quota": (N_("Use of an app's day"), "%"),
}
"""Metric → its name and the unit of its limit."""
SEVERITIES = {"critical": N_("Critical"), "warning": N_("Warning")}
MAIL_STATES = {
    "waiting": (N_("Waiting"), "blue"),
    "sending": (N_("Being sent"), "blue"),
    "sent": (N_("Sent"), "green"),
    "bad": (N_("Refused"), "red"),
    "held": (N_("Held back"), "yellow"),
    "digested": (N_("In a digest"), "secondary"),
}
"""A mail's state → its name and tone."""
DAYS = {
    1: N_("Mon"),
    2: N_("Tue"),
    3: N_("Wed"),
    4: N_("Thu"),
    5: N_("Fri"),
    6: N_("Sat"),
    7: N_("Sun"),
}
"""ISO weekday → its short name."""
LABELS = {
    "name": N_("Name"),
    "api_name": N_("API"),
    "metric": N_("What is watched"),
    "threshold": N_("Limit"),
    "window_s": N_("Window"),
    "min_calls": N_("Fewest calls"),
    "pending_windows": N_("Windows that only wait"),
    "severity": N_("Severity"),
    "recipients": N_("Recipients"),
    "runbook_url": N_("Runbook"),
    "enabled": N_("Enabled"),
    "active_days": N_("Days with mails"),
    "active_from": N_("Mails from"),
    "active_to": N_("Mails until"),
}
_NEW = {
    "metric": "mean_ms",
    "threshold": 1000,
    "window_s": 300,
    "min_calls": 1,
    "pending_windows": 0,
    "severity": "critical",
    "enabled": True,
}


def alert_rule_pages(parts: Parts) -> APIRouter:
    """The pages of alert rules."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, rules = parts.console, Rules(Monitor(parts.services))

    async def known(request: Request) -> dict[str, Any]:
        view = await console.views.of(request)
        labels = {name: view.say(text) for name, text in LABELS.items()}
        days = {day: view.say(name) for day, name in DAYS.items()}
        return {
            "metrics": METRICS,
            "severities": SEVERITIES,
            "labels": labels,
            "mail_states": MAIL_STATES,
            "days": days,
            "hours": lambda rule: hours(rule, days),
        }

    async def form(request: Request, rule: RuleView | None, values: Mapping[str, Any]) -> Response:
        key = "" if rule else uuid4().hex
        return await console.page(
            request, "alert_rules/rule.html", rule=rule, values=values, key=key, **await known(request)
        )

    @router.get(LIST_PATH, openapi_extra=needs("alert:rule:list"))
    async def alert_rules(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(RuleListing, request.query_params, size=view.page_size)
        found: list[RuleView] = []
        state, problem = ListState(LIST_PATH, listing, 0, default_size=view.page_size), None
        try:
            found, total = await rules.page(listing)
            state = ListState(LIST_PATH, listing, total, default_size=view.page_size)
        except Problem as unavailable:
            problem = unavailable
        return await console.page(
            request, "alert_rules/list.html", state=state, rules=found, outage=problem, **await known(request)
        )

    @router.get(f"{LIST_PATH}/new", openapi_extra=needs("alert:rule:add"))
    async def new_alert_rule(request: Request) -> Response:
        return await form(request, None, _NEW | {"api_name": request.query_params.get("api_name", "")})

    @router.post(LIST_PATH, openapi_extra=needs("alert:rule:add"))
    async def add_rule_by_form(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        try:
            draft = parse(RuleDraft, sent, **_special(sent))
            await desk.create(draft, lambda change: rules.create(change, draft))
        except Problem as problem:
            key = request.headers.get("idempotency-key", "")
            return await console.form_again(
                request, FORM, problem, values=sent, rule=None, key=key, **await known(request)
            )
        return await console.done(request, leads_to=LIST_PATH)

    @router.get(f"{LIST_PATH}/{{rule_id}}", openapi_extra=needs("alert:rule:query"))
    async def alert_rule(rule_id: Id, request: Request) -> Response:
        rule = await rules.find(rule_id)
        return await form(
            request, rule, rule.model_dump() | {"threshold": f"{rule.threshold:g}", "recipients": written(rule)}
        )

    @router.post(f"{LIST_PATH}/{{rule_id}}", openapi_extra=needs("alert:rule:edit"))
    async def edit_rule_by_form(rule_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            edit = parse(RuleEdit, sent, **_special(sent))
            await desk.change(lambda change: rules.edit(change, rule_id, edit))
        except Problem as problem:
            rule = await rules.find(rule_id)
            return await console.form_again(
                request, FORM, problem, values=sent, rule=rule, key="", **await known(request)
            )
        return await console.done(request, leads_to=LIST_PATH)

    @router.post(f"{LIST_PATH}/{{rule_id}}/delete", openapi_extra=needs("alert:rule:remove"))
    async def delete_rule_by_form(rule_id: Id, request: Request, desk: AtDesk) -> Response:
        version = str((await sent_form(request)).get("version", "0"))
        await desk.change(lambda change: rules.delete(change, rule_id, int(version) if version.isdecimal() else 0))
        return await console.done(request, N_("Deleted."), leads_to=LIST_PATH)

    @router.post(f"{LIST_PATH}/{{rule_id}}/test", openapi_extra=needs("alert:rule:test"))
    async def send_test_by_button(rule_id: Id, request: Request, desk: AtDesk) -> Response:
        mails = await desk.change(lambda change: rules.send_test(change, rule_id))
        return await console.page(request, "alert_rules/tested.html", mails=mails, **await known(request))

    return router


def written(rule: RuleView) -> str:
    """The recipients as they stand in the form: one in each line, `en` behind those who read English."""
    return "\n".join(r.address if r.language == "zh" else f"{r.address} {r.language}" for r in rule.recipients)


def hours(rule: RuleView, days: Mapping[int, str]) -> str:
    """When the rule writes mails, like `Mon–Fri 09:00–18:00`; empty = always."""
    runs: list[list[int]] = []
    for day in rule.active_days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = [f"{days[run[0]]}–{days[run[-1]]}" if len(run) > 2 else " ".join(days[day] for day in run) for run in runs]
    if rule.active_from:
        words.append(f"{rule.active_from}–{rule.active_to}")
    return " ".join(words)


def _special(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are no plain text: the limit is a number with a point, recipients are lines."""
    given: dict[str, Any] = {}
    if "threshold" in sent:
        text = str(sent["threshold"]).strip().replace(",", "")
        try:
            given["threshold"] = float(text)
        except ValueError:
            given["threshold"] = text
    if "recipients" in sent:
        lines = [line.split() for line in str(sent["recipients"]).replace(",", "\n").splitlines() if line.strip()]
        given["recipients"] = [
            {"address": line[0], "language": line[1] if len(line) > 1 else "zh"}
            if len(line) < 3
            else {"address": " ".join(line), "language": "zh"}
            for line in lines
        ]
    return given
