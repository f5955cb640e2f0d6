"""What operators do through admin_api: rules, test mails, alerts, silences, mails; over HTTP as admin_api calls it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from monitor import app as monitor_app
from openplatform.errors import AddressRefused
from openplatform.sql import open_database
from tests.integration.monitor.world import (
    EverybodyHolds,
    KeptMails,
    TurnedClock,
    WrittenStatistics,
    delivery,
    settings,
    watch,
)

ZONE = ZoneInfo("Asia/Shanghai")
KEY = {"X-Internal-Key": "0123456789abcdef"}
BY = {"by": "ops@pailou.example"}
RULE: dict[str, Any] = {
    **BY,
    "name": "慢订单",
    "api_name": "open.order.get",
    "metric": "p95_ms",
    "threshold": 800,
    "recipients": [{"address": "dev@pailou.example", "language": "en"}],
}


@pytest.fixture
async def http(
    database_url: str, clean_redis_url: str, tmp_path: Path, free_port: Callable[[], int]
) -> AsyncIterator[httpx.AsyncClient]:
    """A monitor that sends into tmp_path/box, with its first rules and one open alert with its mails."""
    told = settings(
        database_url=database_url,
        redis_url=clean_redis_url,
        mailer_url=f"outbox://{tmp_path}/box",
        indexer_addresses=(f"127.0.0.1:{free_port()}",),
    )
    async with open_database(database_url) as database:
        statistics = WrittenStatistics(lambda minute: {"open.order.get": 2315.0})
        clock = TurnedClock()
        assert await watch(database, EverybodyHolds(), statistics, clock).tick() == "evaluated"
        mailer = KeptMails()
        mailer.failures["boss@pailou.example"] = AddressRefused("550 no such user")
        await delivery(database, mailer, clock).send_due()
    async with monitor_app.open_resources(told) as resources:
        transport = httpx.ASGITransport(
            monitor_app.create_app(resources, told, monitor_app.create_watch(resources, told))
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor", headers=KEY) as http:
            yield http


async def asked(http: httpx.AsyncClient, path: str, **body: Any) -> tuple[int, Any]:
    """Status and answer; of a refusal its sub_code."""
    answer = await (http.post(path, json=body) if body else http.get(path))
    return answer.status_code, answer.json().get("sub_code", answer.json())


async def test_a_rule_is_made_edited_and_deleted(http: httpx.AsyncClient) -> None:
    """Versions count up, who did it is known, an old version is refused, a deleted rule is gone."""
    status, made = await asked(http, "/rules", **RULE)
    assert status == 201
    assert (made["version"], made["updated_by"], made["recipients"]) == (2, "ops@pailou.example", RULE["recipients"])
    path = f"/rules/{made['id']}"
    assert await asked(http, "/rules", **RULE) == (409, "isv.name-taken")
    status, edited = await asked(http, path, **BY, version=2, threshold=900, pending_windows=3)
    assert (status, edited["threshold"], edited["pending_windows"], edited["version"]) == (200, 900, 3, 3)
    assert await asked(http, path, **BY, version=2, threshold=1) == (409, "isv.stale-version")
    assert await asked(http, path, **BY, version=3, name="default") == (409, "isv.name-taken")
    assert (await asked(http, path))[1] == edited
    assert await asked(http, f"{path}/delete", **BY, version=2) == (409, "isv.stale-version")
    assert (await asked(http, f"{path}/delete", **BY, version=3))[0] == 200
    assert await asked(http, path) == (404, "isv.rule-not-found")
    assert await asked(http, f"{path}/delete", **BY, version=4) == (404, "isv.rule-not-found")
    assert (await asked(http, "/rules", **RULE))[0] == 201
    assert [rule["name"] for rule in (await asked(http, "/rules"))[1]["rules"]] == [
        "default",
        "blind",
        "quota",
        "慢订单",
    ]
    paged = (await asked(http, "/rules?page_no=2&page_size=3"))[1]
    assert (paged["total"], [rule["name"] for rule in paged["rules"]]) == (4, ["慢订单"])
    assert (await asked(http, "/rules?q=nobody%25"))[1] == {"total": 0, "rules": []}
    names = (await asked(http, "/rules?names_only=true"))[1]["rules"]
    assert [rule["name"] for rule in names] == ["blind", "default", "quota", "慢订单"]
    assert {frozenset(rule) for rule in names} == {frozenset(("id", "name"))}


async def test_a_rules_hours_are_set_changed_and_taken_away(http: httpx.AsyncClient) -> None:
    """Whether they are now is said of the rule and of its open alerts; half a span is refused, also as a change."""
    now = datetime.now(ZONE)
    _, made = await asked(http, "/rules", **RULE, active_days=[5, 1, 1], active_from="22:00", active_to="06:00")
    assert (made["active_days"], made["active_from"], made["active_to"]) == ([1, 5], "22:00", "06:00")
    path = f"/rules/{made['id']}"
    assert await asked(http, path, **BY, version=2, active_to=None) == (400, "isv.invalid-parameter:active_to")
    _, free = await asked(http, path, **BY, version=2, active_days=[], active_from=None, active_to=None)
    assert (free["active_days"], free["active_from"], free["active_to"]) == ([], None, None)
    assert (free["in_hours"], free["hours_begin"]) == (True, None)
    other_day = now + timedelta(days=3)
    _, off = await asked(http, "/rules/1", **BY, version=1, active_days=[other_day.isoweekday()])
    begin = datetime.combine(other_day.date(), time(0), ZONE).isoformat(timespec="seconds")
    assert (off["in_hours"], off["hours_begin"]) == (False, begin)
    [alert] = (await asked(http, "/alerts?state=open"))[1]["alerts"]
    assert (alert["state"], alert["in_hours"], alert["hours_begin"]) == ("alerting", False, begin)


async def test_the_monitors_own_rules_are_edited_and_never_deleted(http: httpx.AsyncClient) -> None:
    """An edit takes them out of the settings' hands; deletion says what to do instead."""
    status, edited = await asked(http, "/rules/1", **BY, version=1, threshold=500)
    assert (status, edited["threshold"], edited["version"]) == (200, 500, 2)
    assert await asked(http, "/rules/1/delete", **BY, version=2) == (409, "isv.built-in")
    assert (await asked(http, "/rules/3", **BY, version=1, api_name="a"))[1] == "isv.invalid-parameter:api_name"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"threshold": -1}, "threshold"),
        ({"threshold": "800"}, "threshold"),
        ({"metric": "error_rate", "threshold": 101}, "threshold"),
        ({"metric": "no_data", "threshold": 0}, "threshold"),
        ({"metric": "blind"}, "metric"),
        ({"window_s": 9}, "window_s"),
        ({"min_calls": 0}, "min_calls"),
        ({"severity": "fatal"}, "severity"),
        ({"recipients": []}, "recipients"),
        ({"recipients": [{"address": "a@b.c\r\nBcc: thief@evil.example"}]}, "recipients"),
        ({"recipients": [{"address": "a@b.c\n"}]}, "recipients"),
        ({"recipients": [{"address": "a@b.c"}, {"address": "a@b.c", "language": "en"}]}, "recipients"),
        ({"recipients": [{"address": "a@b.c", "language": "fr"}]}, "recipients"),
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"runbook_url": "javascript:alert(1)"}, "runbook_url"),
        ({"active_days": [0]}, "active_days"),
        ({"active_from": "24:00", "active_to": "06:00"}, "active_from"),
        ({"active_from": "09:00\n", "active_to": "10:00"}, "active_from"),
        ({"active_from": "09:00"}, "active_to"),
        ({"active_to": "09:00"}, "active_from"),
        ({"active_from": "09:00", "active_to": "09:00"}, "active_to"),
        ({"id": 7}, ""),
        ({"by": ""}, "by"),
    ],
    ids=repr,
)
async def test_a_wrong_rule_is_refused(http: httpx.AsyncClient, wrong: dict[str, Any], field: str) -> None:
    """With the field's name; nothing is made."""
    status, code = await asked(http, "/rules", **(RULE | wrong))
    assert status == 400
    assert code == f"isv.invalid-parameter:{field or 'body'}"
    assert len((await asked(http, "/rules"))[1]["rules"]) == 3


async def test_a_body_that_is_none_is_refused(http: httpx.AsyncClient) -> None:
    """No JSON, no object, a field that lacks."""
    for content in (b"{", b"[]", b"\xff", b""):
        assert (await http.post("/rules", content=content)).status_code == 400
    lacking = {name: value for name, value in RULE.items() if name != "recipients"}
    assert await asked(http, "/rules", **lacking) == (400, "isv.missing-parameter:recipients")


async def test_a_test_mail_is_sent_at_once_and_says_what_became_of_it(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """To each recipient in their language; twice are two."""
    _, made = await asked(http, "/rules", **RULE)
    for _ in range(2):
        status, answer = await asked(http, f"/rules/{made['id']}/test", **BY)
        assert status == 200
        assert [(mail["recipient"], mail["kind"], mail["state"]) for mail in answer["mails"]] == [
            ("dev@pailou.example", "test", "sent")
        ]
        assert answer["mails"][0]["subject"] == '[TEST] a mail of the alert rule "慢订单"'
    assert len(list((tmp_path / "box").glob("test.*.eml"))) == 2
    assert await asked(http, "/rules/999/test", **BY) == (404, "isv.rule-not-found")


async def test_an_alert_shows_its_value_its_mails_and_who_looks_after_it(http: httpx.AsyncClient) -> None:
    """The list with samples and mails by state; one alert with its mails' text; the acknowledgement."""
    _, listed = await asked(http, "/alerts?state=open")
    [alert] = listed["alerts"]
    assert (alert["state"], alert["rule_name"], alert["metric"], alert["threshold"]) == (
        "alerting",
        "default",
        "mean_ms",
        1000,
    )
    assert alert["mails"] == {"sent": 1, "bad": 1}
    assert [value for _, value in alert["samples"]] == [2315.0]
    path = f"/alerts/{alert['id']}"
    _, one = await asked(http, path)
    assert {mail["recipient"] for mail in one["outbox"]} == {"ops@pailou.example", "boss@pailou.example"}
    assert all("open.order.get | 2315" in mail["text"] for mail in one["outbox"])
    _, acked = await asked(http, f"{path}/ack", **BY, note="在查")
    assert (acked["acked_by"], acked["ack_note"], bool(acked["acked_at"])) == ("ops@pailou.example", "在查", True)
    assert await asked(http, f"{path}/ack", **BY, note="x" * 501) == (400, "isv.invalid-parameter:note")
    assert await asked(http, "/alerts/999/ack", **BY) == (404, "isv.alert-not-found")
    assert await asked(http, "/alerts/999") == (404, "isv.alert-not-found")
    assert await asked(http, f"/alerts/{10**30}") == (400, "isv.invalid-parameter:event_id")
    for query, total in (
        ("api_name=order", 1),
        ("api_name=%25", 0),
        ("rule_id=1", 1),
        ("rule_id=2", 0),
        ("state=pending", 0),
    ):
        assert (await asked(http, f"/alerts?{query}"))[1]["total"] == total, query


async def test_a_silence_has_an_end_a_reason_and_an_author(http: httpx.AsyncClient) -> None:
    """Shown at the alert while it is in force; taken back it is history; endless, past or aimless ones are refused."""
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    silence: dict[str, Any] = {**BY, "until": until, "reason": "发布", "rule_id": 1, "api_name": "open.order.get"}
    status, made = await asked(http, "/silences", **silence)
    assert (status, made["rule_name"], made["in_force"], made["created_by"]) == (201, "default", True, BY["by"])
    assert (await asked(http, "/alerts"))[1]["alerts"][0]["silenced_until"] == made["until"]
    assert (await asked(http, "/silences?state=in_force"))[1]["total"] == 1
    status, ended = await asked(http, f"/silences/{made['id']}/end", by="boss@pailou.example")
    assert (status, ended["in_force"], ended["ended_by"]) == (200, False, "boss@pailou.example")
    again = (await asked(http, f"/silences/{made['id']}/end", by="other@pailou.example"))[1]
    assert again["ended_by"] == "boss@pailou.example"
    assert (await asked(http, "/silences?state=in_force"))[1]["total"] == 0
    assert (await asked(http, "/silences"))[1]["total"] == 1
    assert (await asked(http, "/alerts"))[1]["alerts"][0]["silenced_until"] is None
    assert await asked(http, "/silences/999/end", **BY) == (404, "isv.silence-not-found")
    past, far = (datetime.now(UTC) - timedelta(1)).isoformat(), (datetime.now(UTC) + timedelta(32)).isoformat()
    for wrong, field in (
        ({"until": past}, "until"),
        ({"until": far}, "until"),
        ({"until": until[:19]}, "until"),
        ({"reason": ""}, "reason"),
        ({"rule_id": 999}, "rule_id"),
        ({"rule_id": None, "api_name": None}, "rule_id"),
    ):
        assert await asked(http, "/silences", **(silence | wrong)) == (400, f"isv.invalid-parameter:{field}"), wrong


async def test_a_refused_mail_can_be_tried_again(http: httpx.AsyncClient) -> None:
    """It is due at once; one that was sent is not sent twice."""
    _, refused = await asked(http, "/mails?state=bad")
    [bad] = refused["mails"]
    assert (bad["recipient"], bad["last_error"]) == ("boss@pailou.example", "550 no such user")
    status, again = await asked(http, f"/mails/{bad['id']}/retry", **BY)
    assert (status, again["state"]) == (200, "waiting")
    [sent] = (await asked(http, "/mails?state=sent"))[1]["mails"]
    assert await asked(http, f"/mails/{sent['id']}/retry", **BY) == (409, "isv.mail-settled")
    assert await asked(http, "/mails/999/retry", **BY) == (404, "isv.mail-not-found")
