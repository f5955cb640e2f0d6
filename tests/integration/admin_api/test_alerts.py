"""Alert rules, alerts, silences and mails over the admin API, in front of a real monitor."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from admin_api.app import create_app
from admin_api.tables.access import admin_audit_log
from monitor.app import create_app as create_monitor
from monitor.app import create_delivery
from monitor.app import open_resources as open_monitor
from openplatform.adapters.embedded import Embedded
from openplatform.sql import upgrade
from tests.admin_world import ZONE, Caller, World, refusal
from tests.integration.admin_api.indexing import PatientClient
from tests.integration.monitor.world import EverybodyHolds, WrittenStatistics, settings, watch

KEY = "key-of-the-integration-tests"
RULE: dict[str, Any] = {
    "name": "慢订单",
    "api_name": "open.order.get",
    "metric": "p95_ms",
    "threshold": 800.0,
    "recipients": [{"address": "dev@pailou.example", "language": "en"}],
}


@pytest.fixture
async def box(world: World, tmp_path: Path) -> AsyncIterator[Path]:
    """The folder into which the monitor behind `world` sends its mails; one API is slow, and its alert is out."""
    url = f"sqlite+aiosqlite:///{tmp_path}/monitor.db"
    await asyncio.to_thread(upgrade, url, "monitor")
    folder = tmp_path / "box"
    told = settings(database_url=url, redis_url="memory://", mailer_url=f"outbox://{folder}", internal_keys=(KEY,))
    async with open_monitor(told, Embedded()) as resources:
        statistics = WrittenStatistics(lambda minute: {"open.order.get": 2315.0})
        judge = watch(resources.database, EverybodyHolds(), statistics, resources.clock)
        assert await judge.tick() == "evaluated"
        await create_delivery(resources, told).send_due()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(create_monitor(resources, told, judge))) as http:
            pinned = {"monitor": ["monitor:8012"]}
            client = PatientClient(http, world.resources.directory, internal_key=KEY, pinned=pinned)
            world.app = create_app(replace(world.resources, services=client), world.settings)
            yield folder


@pytest.fixture
async def operator(world: World, box: Path) -> Caller:
    """Somebody with every permission on alerts and no other."""
    rules = ("list", "query", "add", "edit", "remove", "test")
    return await world.operator(*(f"alert:rule:{each}" for each in rules), "alert:view", "alert:ack", "alert:silence")


def arrived_in(box: Path, kind: str) -> list[str]:
    return [path.read_text() for path in box.glob(f"{kind}.*.eml")]


async def audited(world: World) -> list[tuple[str, str, str | None]]:
    rows = await world.rows(admin_audit_log)
    return [
        (row["action"], row["table_name"], row["after"])
        for row in rows
        if row["table_name"].startswith(("alert", "mail"))
    ]


async def test_a_rule_is_made_edited_and_deleted_and_all_of_it_is_audited(world: World, operator: Caller) -> None:
    """With versions: who is late sees both values and who was faster."""
    made = await operator.made("/alert-rules", **RULE)
    path = f"/alert-rules/{made['id']}"
    edited = await operator.patch(path, {"version": made["version"], "threshold": 900.0, "pending_windows": 2})
    assert (edited.json()["threshold"], edited.json()["updated_by"]) == (900.0, operator.email)
    late = await operator.patch(path, {"version": made["version"], "threshold": 700.0})
    assert refusal(late) == (409, "stale-version")
    assert late.json()["fields"] == {"threshold": {"current": 900.0, "yours": 700.0}}
    assert late.json()["changed_by"] == operator.email
    assert refusal(await operator.post("/alert-rules", RULE)) == (409, "taken")
    assert refusal(await operator.delete(f"{path}?version={made['version']}")) == (409, "stale-version")
    assert (await operator.delete(f"{path}?version={edited.json()['version']}")).status_code == 204
    assert refusal(await operator.get(path)) == (404, "not-found")
    create, edit, delete = await audited(world)
    assert [each[:2] for each in (create, edit, delete)] == [
        ("create", "alert_rule"),
        ("edit", "alert_rule"),
        ("delete", "alert_rule"),
    ]
    assert edit[2] is not None
    assert '"threshold":900.0' in edit[2] and "recipients" not in edit[2]


async def test_rules_are_listed_and_filtered(operator: Caller) -> None:
    """By words, metric and state, page by page; the monitor's own can be edited and not deleted."""
    made = await operator.made("/alert-rules", **RULE)
    for params, names in (
        ({}, ["default", "blind", "quota", "慢订单"]),
        ({"q": "ORDER"}, ["慢订单"]),
        ({"metric": "quota"}, ["quota"]),
        ({"enabled": False}, []),
        ({"size": 2, "page": 2}, ["quota", "慢订单"]),
    ):
        assert [rule["name"] for rule in (await operator.shown("/alert-rules", **params))["items"]] == names, params
    assert (await operator.shown(f"/alert-rules/{made['id']}"))["built_in"] is False
    assert refusal(await operator.delete("/alert-rules/1?version=1")) == (409, "built-in")


async def test_pages_say_when_hours_begin_in_the_readers_zone(operator: Caller) -> None:
    """Of a rule outside its hours the list, the rule's page and its alert name the moment, in both languages."""
    assert (await operator.patch("/me/preferences", {"time_zone": "America/New_York"})).status_code == 200
    day = (datetime.now(ZONE) + timedelta(days=3)).replace(hour=9, minute=30, second=0, microsecond=0)
    hours = {"active_days": [day.isoweekday()], "active_from": "09:30", "active_to": "18:00"}
    made = (await operator.patch("/alert-rules/1", {"version": 1, **hours})).json()
    assert made["in_hours"] is False and datetime.fromisoformat(made["hours_begin"]) == day
    begin = day.astimezone(ZoneInfo("America/New_York"))
    for language, before, behind in (("en", "begins ", ""), ("zh-CN", "", " 开始")):
        for path in ("/alerts/rules", "/alerts/rules/1", "/alerts/1"):
            answer = await operator.http.get(path, headers={"Accept-Language": language})
            text = " ".join(re.sub("<[^>]*>", "", answer.text).split())
            assert f"{before}{begin:%Y-%m-%d %H:%M:%S} {begin.isoformat()[-6:]}{behind}" in text, (path, text)


async def test_a_request_that_comes_twice_makes_one_rule(operator: Caller) -> None:
    """Under its idempotency key: the same answer again."""
    answers = [await operator.post("/alert-rules", RULE, **{"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].status_code == 201
    assert answers[0].json() == answers[1].json()
    assert (await operator.shown("/alert-rules"))["total"] == 4


async def test_a_wrong_rule_is_refused_with_its_field(operator: Caller) -> None:
    """Addresses with line breaks, limits out of range, unknown metrics, more than a rule has."""
    for wrong, field in (
        ({"recipients": [{"address": "a@b.c\r\nBcc: thief@evil.example"}]}, "recipients.0.address"),
        ({"recipients": [{"address": "a@b.c\n"}]}, "recipients.0.address"),
        ({"recipients": []}, "recipients"),
        ({"recipients": [{"address": "a@b.c"}, {"address": "a@b.c"}]}, "recipients"),
        ({"threshold": -1.0}, "threshold"),
        ({"metric": "error_rate", "threshold": 101.0}, "threshold"),
        ({"metric": "blind"}, "metric"),
        ({"runbook_url": "javascript:alert(1)"}, "runbook_url"),
        ({"active_days": [8]}, "active_days.0"),
        ({"active_from": "9:00", "active_to": "18:00"}, "active_from"),
        ({"active_from": "09:00"}, "active_to"),
        ({"name": "  "}, "name"),
        ({"version": 7}, "version"),
    ):
        answer = await operator.post("/alert-rules", RULE | wrong)
        assert refusal(answer) == (422, "invalid"), wrong
        assert answer.json()["errors"][0]["field"] == field
    assert (await operator.shown("/alert-rules"))["total"] == 3


async def test_a_test_mail_arrives_and_is_audited(world: World, operator: Caller, box: Path) -> None:
    """What became of it is the answer."""
    made = await operator.made("/alert-rules", **RULE)
    answer = await operator.post(f"/alert-rules/{made['id']}/test")
    assert [(mail["recipient"], mail["state"]) for mail in answer.json()] == [("dev@pailou.example", "sent")]
    [arrived] = arrived_in(box, "test")
    assert "[TEST]" in arrived
    assert (await audited(world))[-1][0] == "test"


async def test_an_alert_is_seen_with_its_mails_and_acknowledged(world: World, operator: Caller, box: Path) -> None:
    """Value, limit and samples for its chart; its mails with their text; the note, by whom."""
    [alert] = (await operator.shown("/alerts", state="open", q="order"))["items"]
    assert (alert["state"], alert["value"], alert["threshold"], alert["mails"]) == (
        "alerting",
        2315.0,
        1000.0,
        {"sent": 2},
    )
    assert [value for _, value in alert["samples"]] == [2315.0]
    one = await operator.shown(f"/alerts/{alert['id']}")
    assert "open.order.get | 2315" in one["outbox"][0]["text"]
    assert len(arrived_in(box, "opened")) == 2
    acked = await operator.post(f"/alerts/{alert['id']}/ack", {"note": "在查"})
    assert (acked.json()["acked_by"], acked.json()["ack_note"]) == (operator.email, "在查")
    assert (await operator.shown("/alerts", state="closed"))["items"] == []
    assert refusal(await operator.get("/alerts/999")) == (404, "not-found")
    assert refusal(await operator.post("/alerts/999/ack", {})) == (404, "not-found")
    assert await audited(world) == [("ack", "alert_event", '{"ack_note":"在查"}')]


async def test_a_silence_is_made_seen_and_taken_back(world: World, operator: Caller) -> None:
    """With an end, a reason and an aim; who made and who ended it stays to be seen."""
    until = (datetime.now(ZONE) + timedelta(hours=1)).isoformat()
    made = await operator.made("/alert-silences", until=until, reason="发布", api_name="open.order.get")
    assert (made["in_force"], made["created_by"]) == (True, operator.email)
    [alert] = (await operator.shown("/alerts"))["items"]
    assert alert["silenced_until"] == made["until"]
    ended = await operator.post(f"/alert-silences/{made['id']}/end")
    assert (ended.json()["in_force"], ended.json()["ended_by"]) == (False, operator.email)
    assert (await operator.shown("/alert-silences", state="in_force"))["total"] == 0
    assert (await operator.shown("/alert-silences"))["total"] == 1
    for wrong in (
        {"until": until, "reason": "发布"},
        {"until": until, "reason": " ", "api_name": "a"},
        {"until": "2020-01-01T00:00:00Z", "reason": "发布", "api_name": "a"},
        {"until": until, "reason": "发布", "rule_id": 999},
        {"reason": "发布", "rule_id": 1},
    ):
        assert refusal(await operator.post("/alert-silences", wrong)) == (422, "invalid"), wrong
    assert [each[:2] for each in await audited(world)] == [("create", "alert_silence"), ("end", "alert_silence")]


async def test_mails_are_listed_and_sent_ones_are_not_sent_again(operator: Caller) -> None:
    """By state; a retry of what was sent is refused."""
    mails = await operator.shown("/alert-mails", state="sent")
    assert mails["total"] == 2
    assert (await operator.shown("/alert-mails", state="bad"))["items"] == []
    assert refusal(await operator.post(f"/alert-mails/{mails['items'][0]['id']}/retry")) == (409, "mail-settled")


async def test_without_a_monitor_the_api_says_so_and_the_rest_works(world: World) -> None:
    """503 with a word on when to try again; a change that was not made is not audited."""
    admin = await world.administrator()
    for path in ("/alert-rules", "/alerts", "/alert-silences", "/alert-mails", "/alerts/1"):
        answer = await admin.get(path)
        assert refusal(answer) == (503, "monitor-unavailable")
        assert answer.headers["retry-after"]
    assert refusal(await admin.post("/alert-rules", RULE)) == (503, "monitor-unavailable")
    assert (await admin.get("/apps")).status_code == 200
    assert await audited(world) == []
