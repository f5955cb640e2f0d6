"""/alerts, /alert-silences and /alert-mails: what is wrong, whom it is not told, and what became of the mails."""

from typing import Annotated

from fastapi import APIRouter, Query

from admin_api.alerts.service.alerts import Alerts
from admin_api.alerts.service.shapes import (
    Ack,
    AlertDetail,
    AlertListing,
    AlertView,
    MailListing,
    MailView,
    SilenceDraft,
    SilenceListing,
    SilenceView,
)
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.shapes import Id


def alert_routes(alerts: Alerts) -> APIRouter:
    """The routes of alerts."""
    router = APIRouter(tags=["报警事件"], route_class=GuardedRoute)

    @router.get("/alerts", openapi_extra=needs("alert:view"))
    async def get_alerts(listing: Annotated[AlertListing, Query()]) -> Page[AlertView]:
        items, total = await alerts.page(listing)
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.get("/alerts/{alert_id}", openapi_extra=needs("alert:view"))
    async def get_alert(alert_id: Id) -> AlertDetail:
        return await alerts.find(alert_id)

    @router.post("/alerts/{alert_id}/ack", openapi_extra=needs("alert:ack"))
    async def acknowledge_alert(alert_id: Id, ack: Ack, desk: AtDesk) -> AlertView:
        return await desk.change(lambda change: alerts.acknowledge(change, alert_id, ack))

    @router.get("/alert-silences", openapi_extra=needs("alert:view"))
    async def get_silences(listing: Annotated[SilenceListing, Query()]) -> Page[SilenceView]:
        items, total = await alerts.silences(listing)
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("/alert-silences", status_code=201, openapi_extra=needs("alert:silence"))
    async def add_silence(draft: SilenceDraft, desk: AtCreatingDesk) -> SilenceView:
        return SilenceView.model_validate(await desk.create(draft, lambda change: alerts.silence(change, draft)))

    @router.post("/alert-silences/{silence_id}/end", openapi_extra=needs("alert:silence"))
    async def end_silence(silence_id: Id, desk: AtDesk) -> SilenceView:
        return await desk.change(lambda change: alerts.end_silence(change, silence_id))

    @router.get("/alert-mails", openapi_extra=needs("alert:view"))
    async def get_alert_mails(listing: Annotated[MailListing, Query()]) -> Page[MailView]:
        items, total = await alerts.mails(listing)
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("/alert-mails/{mail_id}/retry", openapi_extra=needs("alert:ack"))
    async def retry_alert_mail(mail_id: Id, desk: AtDesk) -> MailView:
        """Makes a mail due that waits, was refused, or was held back."""
        return await desk.change(lambda change: alerts.retry_mail(change, mail_id))

    return router
