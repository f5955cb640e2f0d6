"""/alerts: what is wrong, what became of its mails, who looks after it, and whom it is not told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from admin_api.alerts.service.alerts import Alerts
from admin_api.alerts.service.monitor import Monitor
from admin_api.alerts.service.rules import Rules
from admin_api.alerts.service.shapes import (
    Ack,
    AlertDetail,
    AlertListing,
    AlertView,
    MailListing,
    SilenceDraft,
    SilenceListing,
)
from admin_api.console.catalogues import N_
from admin_api.console.forms import parse, sent_form
from admin_api.console.frame import PageRoute
from admin_api.console.lists import ListState, read_query
from admin_api.console.pages.alert_rules import MAIL_STATES, METRICS, SEVERITIES
from admin_api.console.parts import Parts
from admin_api.console.sparklines import sparkline
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.permissions import needs
from admin_api.security.problems import Problem
from admin_api.tables.shapes import Id

PATH = "/alerts"
STATES = {
    "pending": (N_("Pending"), "blue"),
    "alerting": (N_("Alerting"), "red"),
    "no_data": (N_("No data"), "yellow"),
    "blind": (N_("Blind"), "red"),
    "normal": (N_("Normal"), "green"),
}
"""An alert's state → its name and tone."""
DURATIONS_MIN = (30, 60, 240, 1440, 10_080)
"""Minutes of silence that the form offers: up to a week."""
LABELS = {
    "reason": N_("Reason"),
    "until": N_("Until"),
    "note": N_("Note"),
    "api_name": N_("API"),
    "rule_id": N_("Rule"),
}
KINDS = {
    "opened": N_("Alert"),
    "reminder": N_("Reminder"),
    "closed": N_("Recovery"),
    "quota": N_("Quota"),
    "digest": N_("Digest"),
    "test": N_("Test mail"),
}


def alert_pages(parts: Parts) -> APIRouter:
    """The pages of alerts, silences and mails."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    console, monitor = parts.console, Monitor(parts.services)
    alerts, rules = Alerts(monitor), Rules(monitor)

    async def known(request: Request) -> dict[str, Any]:
        view = await console.views.of(request)
        return {
            "metrics": METRICS, "severities": SEVERITIES, "states_of": STATES, "mail_states": MAIL_STATES, "kinds": KINDS,
            "labels": {name: view.say(text) for name, text in LABELS.items()}, "durations": DURATIONS_MIN,
        }  # fmt: skip

    async def show(request: Request, template: str, state: ListState, **values: Any) -> Response:
        return await console.page(request, f"alerts/{template}.html", state=state, **values, **await known(request))

    @router.get(PATH, openapi_extra=needs("alert:view"))
    async def alerts_page(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(AlertListing, request.query_params, size=view.page_size)
        found: list[AlertView] = []
        names: dict[int, str] = {}
        total, outage = 0, None
        try:
            (found, total), names = await asyncio.gather(alerts.page(listing), rules.names())
        except Problem as problem:
            outage = problem
        lines = {alert.id: sparkline([value for _, value in alert.samples], alert.threshold) for alert in found}
        state = ListState(PATH, listing, total, default_size=view.page_size)
        return await show(request, "list", state, alerts=found, lines=lines, rule_names=names, outage=outage)

    @router.get(f"{PATH}/silences", openapi_extra=needs("alert:view"))
    async def silences_page(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(SilenceListing, request.query_params, size=view.page_size)
        found, total = await alerts.silences(listing)
        state = ListState(f"{PATH}/silences", listing, total, default_size=view.page_size)
        return await show(request, "silences", state, silences=found)

    @router.post(f"{PATH}/silences", openapi_extra=needs("alert:silence"))
    async def silence_by_form(request: Request, desk: AtCreatingDesk) -> Response:
        sent = await sent_form(request)
        minutes = str(sent.get("minutes", ""))
        back = str(sent.get("alert_id", ""))
        until = _now(parts) + timedelta(minutes=int(minutes) if minutes.isdecimal() and len(minutes) < 6 else 0)
        try:
            draft = parse(SilenceDraft, sent, until=until)
            await desk.create(draft, lambda change: alerts.silence(change, draft))
        except Problem as problem:
            key = request.headers.get("idempotency-key", "")
            shown = {"values": sent, "key": key, "alert": await alerts.find(int(back))} if back.isdecimal() else {}
            if not shown:
                raise
            return await console.form_again(request, "alerts/silence.html", problem, **shown, **await known(request))
        return await console.done(request, N_("Silenced."), leads_to=f"{PATH}/{back}" if back else f"{PATH}/silences")

    @router.post(f"{PATH}/silences/{{silence_id}}/end", openapi_extra=needs("alert:silence"))
    async def end_silence_by_button(silence_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: alerts.end_silence(change, silence_id))
        return await console.done(request, N_("The silence is over."), leads_to=f"{PATH}/silences")

    @router.get(f"{PATH}/mails", openapi_extra=needs("alert:view"))
    async def mails_page(request: Request) -> Response:
        view = await console.views.of(request)
        listing = read_query(MailListing, request.query_params, size=view.page_size)
        found, total = await alerts.mails(listing)
        state = ListState(f"{PATH}/mails", listing, total, default_size=view.page_size)
        return await show(request, "mails", state, mails=found)

    @router.post(f"{PATH}/mails/{{mail_id}}/retry", openapi_extra=needs("alert:ack"))
    async def retry_by_button(mail_id: Id, request: Request, desk: AtDesk) -> Response:
        await desk.change(lambda change: alerts.retry_mail(change, mail_id))
        return await console.done(request, N_("It is tried again now."), leads_to=f"{PATH}/mails")

    @router.get(f"{PATH}/{{alert_id}}", openapi_extra=needs("alert:view"))
    async def alert_page(alert_id: Id, request: Request, silence: str = "") -> Response:
        alert = await alerts.find(alert_id)
        values = {"minutes": silence if silence.isdecimal() and int(silence) in DURATIONS_MIN else "60"}
        return await console.page(
            request,
            "alerts/alert.html",
            alert=alert,
            about=await _chart(request, alert),
            logs_url=_logs_url(alert),
            values=values,
            opens_silence=bool(silence),
            key=uuid4().hex,
            **await known(request),
        )

    @router.post(f"{PATH}/{{alert_id}}/ack", openapi_extra=needs("alert:ack"))
    async def acknowledge_by_form(alert_id: Id, request: Request, desk: AtDesk) -> Response:
        sent = await sent_form(request)
        try:
            ack = parse(Ack, sent)
            await desk.change(lambda change: alerts.acknowledge(change, alert_id, ack))
        except Problem as problem:
            alert = await alerts.find(alert_id)
            shown = {"values": sent, "alert": alert, **await known(request)}
            return await console.form_again(request, "alerts/ack.html", problem, **shown)
        return await console.done(request, N_("Acknowledged: no reminders any more."), leads_to=f"{PATH}/{alert_id}")

    async def _chart(request: Request, alert: AlertDetail) -> dict[str, Any] | None:
        if len(alert.samples) < 2:
            return None
        view = await console.views.of(request)
        zone = parts.settings.time_zone
        series = [
            {"name": view.say(N_("Value")), "data": [round(value, 1) for _, value in alert.samples], "tone": "blue"}
        ]
        if alert.threshold is not None:
            limit = {"name": view.say(N_("Limit")), "data": [alert.threshold] * len(alert.samples), "tone": "red"}
            series.append(limit)
        return {
            "kind": "line",
            "axis": view.say(N_("Time")),
            "unit": METRICS[alert.metric][1] if alert.metric in METRICS else "",
            "digits": 1,
            "categories": [at.astimezone(zone).strftime("%H:%M") for at, _ in alert.samples],
            "series": series,
        }

    return router


def _now(parts: Parts) -> datetime:
    return datetime.fromtimestamp(parts.clock.now(), UTC)


def _logs_url(alert: AlertDetail) -> str:
    """The log search over the alert's time, from its first window on."""
    start = alert.opened_at - timedelta(seconds=alert.window_s)
    conditions = {"from": start.isoformat(), "to": (alert.closed_at or alert.seen_at).isoformat()}
    if alert.api_name:
        conditions["api_name"] = alert.api_name
    if alert.metric == "error_rate":
        conditions["error"] = "any"
    return f"/logs?{urlencode(conditions)}"
