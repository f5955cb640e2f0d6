"""Alerts, silences and mails at the monitor; what operators do with them is audited here."""

from typing import Any

from admin_api.alerts.service.monitor import Monitor
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
from admin_api.outbox.changes import Change


class Alerts:
    """Every method raises the Problems of Monitor. Pages come with the number of all rows, newest first."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    async def page(self, listing: AlertListing) -> tuple[list[AlertView], int]:
        answer = await self._monitor.get(
            "/alerts",
            state=listing.state,
            rule_id=listing.rule_id,
            api_name=listing.q,
            page_no=listing.page,
            page_size=listing.size,
        )
        return [AlertView.model_validate(alert) for alert in answer["alerts"]], answer["total"]

    async def find(self, alert_id: int) -> AlertDetail:
        """Raises a 404 Problem."""
        return AlertDetail.model_validate(await self._monitor.get(f"/alerts/{alert_id}"))

    async def acknowledge(self, change: Change, alert_id: int, ack: Ack) -> AlertView:
        """Ends the reminders of this alert."""
        answer = await self._monitor.post(f"/alerts/{alert_id}/ack", {"note": ack.note, "by": change.by.email})
        await change.record("ack", "alert_event", alert_id, after={"ack_note": ack.note})
        return AlertView.model_validate(answer)

    async def silences(self, listing: SilenceListing) -> tuple[list[SilenceView], int]:
        answer = await self._monitor.get("/silences", state=listing.state, page_no=listing.page, page_size=listing.size)
        return [SilenceView.model_validate(silence) for silence in answer["silences"]], answer["total"]

    async def silence(self, change: Change, draft: SilenceDraft) -> dict[str, Any]:
        """The new silence."""
        body = draft.model_dump(mode="json")
        made = await self._monitor.post("/silences", {**body, "by": change.by.email})
        await change.record("create", "alert_silence", made["id"], after=body)
        return made

    async def end_silence(self, change: Change, silence_id: int) -> SilenceView:
        """Takes it back; one that is over stays as it was."""
        answer = await self._monitor.post(f"/silences/{silence_id}/end", {"by": change.by.email})
        await change.record("end", "alert_silence", silence_id)
        return SilenceView.model_validate(answer)

    async def mails(self, listing: MailListing) -> tuple[list[MailView], int]:
        answer = await self._monitor.get("/mails", state=listing.state, page_no=listing.page, page_size=listing.size)
        return [MailView.model_validate(mail) for mail in answer["mails"]], answer["total"]

    async def retry_mail(self, change: Change, mail_id: int) -> MailView:
        """Makes the mail due now. Raises a 409 Problem `mail-settled` when it was sent."""
        answer = await self._monitor.post(f"/mails/{mail_id}/retry", {"by": change.by.email})
        await change.record("retry", "mail_outbox", mail_id, after={"recipient": answer["recipient"]})
        return MailView.model_validate(answer)
