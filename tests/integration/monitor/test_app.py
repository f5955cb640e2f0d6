"""The monitor as a process: it ticks by the clock, sends by itself, answers other services, and stops cleanly."""

import asyncio
import datetime
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor import app as monitor_app
from monitor.job import running_jobs, tick_trigger
from monitor.repository.windows import last_window
from monitor.service.watch import Watch
from monitor.settings import MonitorSettings
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.leader_lock_redis import RedisLeaderLock
from openplatform.adapters.redis_client import open_redis
from openplatform.sql import Database
from openplatform.web import SystemClock
from tests.integration.monitor.world import (
    START,
    EverybodyHolds,
    KeptMails,
    TurnedClock,
    WrittenStatistics,
    delivery,
    settings,
    watch,
)
from tests.waiting import PATIENCE_S, until

KEY = {"X-Internal-Key": "0123456789abcdef"}


@dataclass
class Monitor:
    http: httpx.AsyncClient
    resources: monitor_app.Resources
    settings: MonitorSettings
    watch: Watch
    box: Path


@pytest.fixture
async def monitor(
    database_url: str, clean_redis_url: str, tmp_path: Path, free_port: Callable[[], int]
) -> AsyncIterator[Monitor]:
    """A monitor whose log_indexer is not there, with its jobs not started: tests tick it themselves."""
    box = tmp_path / "box"
    told = settings(
        database_url=database_url,
        redis_url=clean_redis_url,
        mailer_url=f"outbox://{box}",
        indexer_addresses=(f"127.0.0.1:{free_port()}",),
    )
    async with monitor_app.open_resources(told) as resources:
        watch = monitor_app.create_watch(resources, told)
        transport = httpx.ASGITransport(monitor_app.create_app(resources, told, watch))
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as http:
            yield Monitor(http, resources, told, watch, box)


async def test_a_monitor_without_logs_says_so_by_mail_and_to_whoever_asks(monitor: Monitor) -> None:
    """log_indexer cannot be reached: an alert, a mail per recipient in the outbox folder, figures, all visible over HTTP."""
    assert (await monitor.http.get("/readyz")).json()["facts"] == {"leads": "no", "fencing": "0"}
    assert await monitor.watch.tick() == "blind"
    assert (await monitor.http.get("/readyz")).json()["facts"] == {"leads": "yes", "fencing": "1"}
    assert await monitor_app.create_delivery(monitor.resources, monitor.settings).send_due() == 2
    assert len(list(monitor.box.glob("*.eml"))) == 2
    assert "看不到调用日志" in next(monitor.box.glob("*.eml")).read_text()

    alerts = (await monitor.http.get("/alerts", params={"state": "open"}, headers=KEY)).json()
    assert alerts["total"] == 1
    assert alerts["alerts"][0]["api_name"] is None
    assert alerts["alerts"][0]["closed_at"] is None
    assert alerts["alerts"][0]["opened_at"].endswith("+08:00")
    rules = (await monitor.http.get("/rules", headers=KEY)).json()["rules"]
    assert [(rule["name"], rule["metric"], rule["threshold"]) for rule in rules] == [
        ("default", "mean_ms", 1000),
        ("blind", "blind", 120),
        ("quota", "quota", 70),
    ]
    mails = (await monitor.http.get("/mails", params={"state": "sent"}, headers=KEY)).json()
    assert mails["total"] == 2
    assert {mail["recipient"] for mail in mails["mails"]} == {"ops@pailou.example", "boss@pailou.example"}
    assert all(mail["next_at"] is None and mail["attempts"] == 1 for mail in mails["mails"])
    metrics = (await monitor.http.get("/metrics")).text
    assert 'pailou_monitor_runs_total{result="blind"} 1.0' in metrics
    assert "pailou_monitor_leader 1.0" in metrics
    assert 'pailou_alert_mails_total{result="sent"} 2.0' in metrics


async def test_pages_are_newest_first(monitor: Monitor) -> None:
    """total counts all; a page beyond the end is empty."""
    clock = TurnedClock()
    slow = {START: ["a"], START + 1: ["a", "b"], START + 2: ["a", "b", "c"]}
    statistics = WrittenStatistics(lambda minute: dict.fromkeys(slow.get(minute, []), 2000.0))
    judge = watch(monitor.resources.database, EverybodyHolds(), statistics, clock)
    for minute in slow:
        clock.turn_to(minute)
        await judge.tick()

    async def page(number: int) -> tuple[int, list[str]]:
        answer = await monitor.http.get("/alerts", params={"page_no": number, "page_size": 2}, headers=KEY)
        return answer.json()["total"], [alert["api_name"] for alert in answer.json()["alerts"]]

    assert [await page(1), await page(2), await page(3)] == [(3, ["c", "b"]), (3, ["a"]), (3, [])]
    closed = await monitor.http.get("/alerts", params={"state": "closed"}, headers=KEY)
    assert closed.json() == {"total": 0, "alerts": []}


@pytest.mark.parametrize(
    "params",
    [
        {"page_no": "0"},
        {"page_no": "9" * 18},
        {"page_no": "-1"},
        {"page_size": "101"},
        {"page_size": "x"},
        {"state": "' OR 1=1"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("path", ["/alerts", "/mails"])
async def test_a_wrong_parameter_is_a_business_error(monitor: Monitor, path: str, params: dict[str, str]) -> None:
    """400 with the parameter's name, never a fault."""
    answer = await monitor.http.get(path, params=params, headers=KEY)
    assert answer.status_code == 400
    assert answer.json()["sub_code"] == f"isv.invalid-parameter:{next(iter(params))}"


@pytest.mark.parametrize("path", ["/alerts", "/rules", "/mails"])
async def test_only_services_are_answered(monitor: Monitor, path: str) -> None:
    """Without a live internal key: 401, and not a word more. Health is open."""
    for headers in ({}, {"X-Internal-Key": "0123456789abcdeF"}):
        assert (await monitor.http.get(path, headers=headers)).status_code == 401
    assert (await monitor.http.get("/healthz")).status_code == 200
    assert (await monitor.http.get("/readyz")).status_code == 200


async def test_an_unmigrated_database_is_not_ready(monitor: Monitor) -> None:
    """/readyz names what is wrong."""
    async with monitor.resources.database.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE evaluated_window")
    answer = await monitor.http.get("/readyz")
    assert answer.status_code == 503
    assert "evaluated_window" in answer.json()["checks"]["database"]


async def test_the_whole_process_registers_and_leaves(
    database_url: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """As the all-in-one opens it, over the in-process Redis: found under its id while it runs, and not after."""
    embedded = Embedded()
    told = settings(
        database_url=database_url,
        redis_url="memory://",
        mailer_url=f"outbox://{tmp_path}/box",
        indexer_addresses=(f"127.0.0.1:{free_port()}",),
        port=free_port(),
    )
    async with open_redis("memory://", embedded) as redis:
        directory = RedisServiceDirectory(redis, SystemClock())

        async def is_registered() -> bool:
            return [each.port for each in await directory.instances("monitor")] == [told.port]

        async with monitor_app.open_app(told, embedded):
            await until(is_registered)
        assert not await is_registered()


async def test_the_tick_comes_by_the_clock_and_mails_leave_by_themselves(database: Database) -> None:
    """No call from outside: the scheduler judges the minute, the sender sends what it wrote."""
    clock, mailer = SystemClock(), KeptMails()
    judge = watch(database, EverybodyHolds(), WrittenStatistics(is_down=True), clock)
    soon = (int(time.time()) + 2) % 60
    async with running_jobs(judge, delivery(database, mailer, clock), delay_s=soon):
        await until(lambda: len(mailer.mails) == 2)
    assert await last_window(database) > START


async def test_stopping_in_the_middle_of_a_tick_gives_the_lock_back(database: Database, clean_redis_url: str) -> None:
    """The tick is cancelled, its minute is free for another, and so is the lock."""
    asleep = asyncio.Event()

    async def sleep_for_ever() -> None:
        asleep.set()
        await asyncio.Event().wait()

    clock = SystemClock()
    hanging = WrittenStatistics(before_answer=sleep_for_ever)
    async with open_redis(clean_redis_url, None, timeout_s=PATIENCE_S) as redis:
        lock = RedisLeaderLock(redis, clock)
        judge = watch(database, lock, hanging, clock)
        soon = (int(time.time()) + 2) % 60
        async with running_jobs(judge, delivery(database, KeptMails(), clock), delay_s=soon):
            await asleep.wait()
        assert await last_window(database) == 0
        async with lock.hold("monitor") as lease:
            assert lease is not None


async def test_a_mail_in_transit_is_awaited_when_the_monitor_stops(database: Database) -> None:
    """It is settled as sent, so that nobody sends it again."""
    clock, arriving, leave = TurnedClock(), asyncio.Event(), asyncio.Event()
    await watch(database, EverybodyHolds(), WrittenStatistics(is_down=True), clock).tick()

    class Slow(KeptMails):
        async def send(self, mail: Any) -> None:
            arriving.set()
            await leave.wait()
            await super().send(mail)

    mailer = Slow()
    judge = watch(database, EverybodyHolds(), WrittenStatistics(), clock)
    async with running_jobs(judge, delivery(database, mailer, clock), delay_s=0):
        await arriving.wait()
        asyncio.get_running_loop().call_later(0.1, leave.set)
    assert len(mailer.mails) == 2
    assert await delivery(database, mailer, clock).send_due() == 0


def test_every_minute_has_its_tick() -> None:
    """Over midnight too, at the second that the settings say."""
    trigger, now = tick_trigger(60, 5), datetime.datetime(2026, 11, 22, 23, 58, 30, tzinfo=datetime.UTC)
    fired, times = None, []
    for _ in range(4):
        fired = trigger.get_next_fire_time(fired, fired or now)
        times.append(f"{fired:%H:%M:%S}")
    assert times == ["23:59:05", "00:00:05", "00:01:05", "00:02:05"]
