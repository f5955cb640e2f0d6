"""/alert-rules: what the monitor watches."""

from typing import Annotated

from fastapi import APIRouter, Query

from admin_api.alerts.service.rules import Rules
from admin_api.alerts.service.shapes import MailView, RuleDraft, RuleEdit, RuleListing, RuleView
from admin_api.outbox.desk import AtCreatingDesk, AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.permissions import needs
from admin_api.tables.listing import Page
from admin_api.tables.shapes import Id


def rule_routes(rules: Rules) -> APIRouter:
    """The routes of alert rules."""
    router = APIRouter(tags=["报警规则"], route_class=GuardedRoute)

    @router.get("/alert-rules", openapi_extra=needs("alert:rule:list"))
    async def get_alert_rules(listing: Annotated[RuleListing, Query()]) -> Page[RuleView]:
        items, total = await rules.page(listing)
        return Page(items=items, total=total, page=listing.page, size=listing.size)

    @router.post("/alert-rules", status_code=201, openapi_extra=needs("alert:rule:add"))
    async def add_alert_rule(draft: RuleDraft, desk: AtCreatingDesk) -> RuleView:
        return RuleView.model_validate(await desk.create(draft, lambda change: rules.create(change, draft)))

    @router.get("/alert-rules/{rule_id}", openapi_extra=needs("alert:rule:query"))
    async def get_alert_rule(rule_id: Id) -> RuleView:
        return await rules.find(rule_id)

    @router.patch("/alert-rules/{rule_id}", openapi_extra=needs("alert:rule:edit"))
    async def edit_alert_rule(rule_id: Id, edit: RuleEdit, desk: AtDesk) -> RuleView:
        return await desk.change(lambda change: rules.edit(change, rule_id, edit))

    @router.delete("/alert-rules/{rule_id}", status_code=204, openapi_extra=needs("alert:rule:remove"))
    async def delete_alert_rule(rule_id: Id, version: Annotated[Id, Query()], desk: AtDesk) -> None:
        await desk.change(lambda change: rules.delete(change, rule_id, version))

    @router.post("/alert-rules/{rule_id}/test", openapi_extra=needs("alert:rule:test"))
    async def send_test_mails(rule_id: Id, desk: AtDesk) -> list[MailView]:
        """Sends a test mail to each recipient now, and says what became of it."""
        return await desk.change(lambda change: rules.send_test(change, rule_id))

    return router
