"""Alert rules: read, made, edited and deleted at the monitor; each change is audited here."""

from typing import Any

from admin_api.alerts.service.monitor import TEST_DEADLINE_S, Monitor
from admin_api.alerts.service.shapes import MailView, RuleDraft, RuleEdit, RuleListing, RuleView, plain
from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem
from admin_api.tables.rows import RowStale

TABLE = "alert_rule"


class Rules:
    """Every method raises the Problems of Monitor."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    async def page(self, listing: RuleListing) -> tuple[list[RuleView], int]:
        """One page, oldest first, and how many there are."""
        answer = await self._monitor.get(
            "/rules",
            q=listing.q,
            metric=listing.metric,
            enabled=None if listing.enabled is None else str(listing.enabled).lower(),
            page_no=listing.page,
            page_size=listing.size,
        )
        rules = [RuleView.model_validate(rule) for rule in answer["rules"]]
        return rules, answer.get("total", len(rules))  # a monitor of an earlier version shows all of them

    async def names(self) -> dict[int, str]:
        """id → name of every rule, by name."""
        answer = await self._monitor.get("/rules", names_only="true")
        return {rule["id"]: rule["name"] for rule in answer["rules"]}

    async def find(self, rule_id: int) -> RuleView:
        """Raises a 404 Problem."""
        return RuleView.model_validate(await self._monitor.get(f"/rules/{rule_id}"))

    async def create(self, change: Change, draft: RuleDraft) -> dict[str, Any]:
        """The new rule."""
        made = await self._monitor.post("/rules", {**draft.model_dump(mode="json"), "by": change.by.email})
        await change.record("create", TABLE, made["id"], after=_recorded(made))
        return made

    async def edit(self, change: Change, rule_id: int, edit: RuleEdit) -> RuleView:
        """Raises RowStale when somebody else was faster."""
        before = await self._monitor.get(f"/rules/{rule_id}")
        try:
            after = await self._monitor.post(f"/rules/{rule_id}", {**plain(edit), "by": change.by.email})
        except Problem as problem:
            raise await self._stale(problem, rule_id, edit.changes()) from problem
        await change.record("edit", TABLE, rule_id, before=_recorded(before), after=_recorded(after))
        return RuleView.model_validate(after)

    async def delete(self, change: Change, rule_id: int, version: int) -> None:
        """Raises RowStale; a 409 Problem `built-in` for the monitor's own rules."""
        try:
            gone = await self._monitor.post(f"/rules/{rule_id}/delete", {"version": version, "by": change.by.email})
        except Problem as problem:
            raise await self._stale(problem, rule_id, {}) from problem
        await change.record("delete", TABLE, rule_id, before=_recorded(gone))

    async def send_test(self, change: Change, rule_id: int) -> list[MailView]:
        """The mails with what became of each."""
        answer = await self._monitor.post(f"/rules/{rule_id}/test", {"by": change.by.email}, deadline_s=TEST_DEADLINE_S)
        mails = [MailView.model_validate(mail) for mail in answer["mails"]]
        await change.record("test", TABLE, rule_id, after={mail.recipient: mail.state for mail in mails})
        return mails

    async def _stale(self, problem: Problem, rule_id: int, edit: dict[str, Any]) -> Exception:
        if problem.code != "stale-version":
            return problem
        return RowStale(TABLE, await self._monitor.get(f"/rules/{rule_id}"), edit)


def _recorded(rule: dict[str, Any]) -> dict[str, Any]:
    kept = ("create_time", "update_time", "updated_by", "deleted_at", "built_in", "in_hours", "hours_begin")
    return {name: value for name, value in rule.items() if name not in kept}
