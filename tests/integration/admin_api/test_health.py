"""/health: what is down is part of the answer; gateways say of themselves which configuration they work with."""

import re
from pathlib import Path
from typing import Any

from log_indexer.app import create_app as create_indexer
from log_indexer.app import open_resources as open_indexer
from openplatform.adapters.directory_redis import RedisServiceDirectory
from openplatform.adapters.embedded import Embedded
from openplatform.adapters.redis_client import open_redis
from openplatform.records import DeadLetter, ProcessReport
from tests.admin_world import World, refusal
from tests.integration.admin_api.indexing import asking, indexer_settings
from tests.serving import serving


def report(node: str, **figures: Any) -> ProcessReport:
    """What a gateway says with a beat."""
    return ProcessReport(node=node, version="0.1.0", started_at_ms=1, figures=figures)


async def test_everything_is_seen_at_once(world: World, tmp_path: Path) -> None:
    """Services with their checks and facts, gateways with their configuration, the outbox, the way of call logs."""
    embedded = Embedded()
    embedded.dead_letters.append(DeadLetter.of(b"x", "no JSON", 1))
    admin = await world.administrator()
    await admin.new_mapping()
    newest = (await admin.shown("/health"))["gateways"]["config_version"]
    assert newest > 0
    async with open_redis(world.settings.redis_url, world._embedded) as redis:
        for node, version in (("gw-1", newest), ("gw-2", newest - 1)):
            directory = RedisServiceDirectory(redis, world.clock)
            await directory.report("gateway", report(node, config_version=0))
            figures = {
                "config_version": version,
                "breakers": {"api open.a": {"state": "open", "cause": "probes-slow", "calls": 3, "slow": 2}},
                "log_spool_bytes": 5,
                "log_trouble": "",
                "clock_skew_s": 0.5,
                "default_minute_limit": 600,
            }
            await directory.report("gateway", report(node, **figures))
    async with open_indexer(indexer_settings(tmp_path), embedded) as resources:
        await resources.store.prepare()
        async with (
            serving(create_indexer(resources, indexer_settings(tmp_path))) as port,
            asking(world, f"127.0.0.1:{port}") as opened,
        ):
            viewer = await opened.operator("sys:health:view")
            seen = await viewer.shown("/health")
    (indexer,) = next(each for each in seen["services"] if each["service_id"] == "log-indexer")["instances"]
    assert (
        indexer["ready"]
        and indexer["checks"]["queue"] == "ok"
        and indexer["facts"] == {"store": "", "analyzer": "", "finds": ""}
    )
    gateways = {each["node"]: each for each in seen["gateways"]["processes"]}
    assert {node: each["in_force"] for node, each in gateways.items()} == {"gw-1": True, "gw-2": False}
    held = {"state": "open", "cause": "probes-slow", "calls": 3, "failed": 0, "slow": 2}
    assert gateways["gw-1"]["breakers"] == {"api open.a": held}
    assert gateways["gw-1"]["log_spool_bytes"] == 5 and gateways["gw-1"]["clock_skew_s"] == 0.5
    assert gateways["gw-1"]["default_minute_limit"] == 600
    assert (seen["gateways"]["in_force"], seen["gateways"]["config_version"]) == (1, newest)
    assert (seen["outbox"]["waiting"], seen["outbox"]["error"]) == (0, "")
    assert (seen["logs"]["dead_letters"], seen["logs"]["depth"], seen["logs"]["error"]) == (1, 0, "")
    assert seen["ok"] is False  # a gateway lags, a letter is dead, services lack


async def test_pages_tell_how_far_a_change_has_come_and_which_breakers_are_open(world: World) -> None:
    """The page of an API counts the gateways that have its newest change and asks again until all do; its list counts open breakers."""
    admin = await world.administrator()
    mapping, other = await admin.new_mapping(), await admin.new_mapping()
    newest = (await admin.shown("/health"))["gateways"]["config_version"]  # the other's: this one's is older

    async def page(path: str) -> str:
        answer = await admin.http.get(path, headers={"Accept-Language": "en"})
        assert answer.status_code == 200, answer.text
        return answer.text

    async with open_redis(world.settings.redis_url, world._embedded) as redis:
        one, two = RedisServiceDirectory(redis, world.clock), RedisServiceDirectory(redis, world.clock)
        why = {
            f"api {mapping['gateway_api_name']}": {
                "state": "open",
                "cause": "calls",
                "calls": 20,
                "failed": 20,
                "slow": 0,
            }
        }
        await one.report("gateway", report("gw-1", config_version=newest, breakers=why))
        await two.report("gateway", report("gw-2", config_version=newest - 1))
        lagging, reached = (
            await page(f"/mappings/{other['id']}/in-force"),
            await page(f"/mappings/{mapping['id']}/in-force"),
        )
        listed = await page("/mappings")
        await two.report("gateway", report("gw-2", config_version=newest))
        caught_up = await page(f"/mappings/{other['id']}/in-force")
    assert "In force in 1 of 2 gateways" in lagging and "gw-2" in lagging and "every 1s" in lagging
    assert "In force in 2 of 2 gateways" in reached and "hx-trigger" not in reached
    assert "In force in 2 of 2 gateways" in caught_up
    assert listed.count("open in 1 of 2") == 1 and "20 of 20 calls failed" in listed
    assert "Mean times cannot be shown now" in await page("/mappings/means")  # no log_indexer runs here


async def test_what_gateways_report_is_told_in_the_readers_language(world: World) -> None:
    """Breakers with their reason, also those of an older version, and a spool that cannot be written."""
    viewer = await world.operator("sys:health:view")
    breakers = {
        "api open.a": {"state": "open", "cause": "calls", "calls": 1200, "failed": 30, "slow": 1100},
        "service s": {"state": "half-open", "cause": "probe-failed", "calls": 0, "failed": 0, "slow": 0},
        "api open.b": {"state": "open", "cause": "probes-slow", "calls": 3, "failed": 0, "slow": 2},
    }

    async def page(language: str) -> str:
        answer = await viewer.http.get("/sys/health/now", headers={"Accept-Language": language})
        return " ".join(re.sub("<[^>]*>", " ", answer.text).split())

    async with open_redis(world.settings.redis_url, world._embedded) as redis:
        directory = RedisServiceDirectory(redis, world.clock)
        trouble = {"log_trouble": "No space left on device", "log_trouble_code": "ENOSPC"}
        await directory.report("gateway", report("gw-1", breakers=breakers, **trouble))
        chinese, english = await page("zh-CN"), await page("en")
        await directory.report("gateway", report("gw-1", breakers={"api open.a": "open: 1 of 1 calls failed"}))
        older = await page("zh-CN")
    assert "API open.a 已熔断：1,200 次调用中 30 次失败，1,100 次过慢" in chinese
    assert "服务 s 试探恢复中：最近一次试探失败" in chinese and "API open.b 已熔断：3 次试探中 2 次过慢" in chinese
    assert "磁盘已满" in chinese and "No space" not in chinese
    assert "API open.a open: 30 of 1,200 calls failed, 1,100 were slow" in english and "disk full" in english
    assert "API open.a 已熔断" in older and "calls failed" not in older


async def test_limits_name_the_default_that_gateways_work_with(world: World) -> None:
    """The limits screen says what apps without a minute limit get, that gateways differ, or that none has said."""
    admin = await world.administrator()

    async def line() -> str:
        text = (await admin.http.get("/limits", headers={"Accept-Language": "en"})).text
        return " ".join(text.partition("Apps without a minute limit of their own:")[2].partition("</p>")[0].split())

    async with open_redis(world.settings.redis_url, world._embedded) as redis:
        one, two = RedisServiceDirectory(redis, world.clock), RedisServiceDirectory(redis, world.clock)
        await one.report("gateway", report("gw-1"))  # an older version
        assert await line() == "unknown, no gateway has reported"
        await one.report("gateway", report("gw-1", default_minute_limit=1200))
        assert await line() == "1,200 calls in any 60 s (platform&#39;s default)"
        await two.report("gateway", report("gw-2", default_minute_limit=0))
        assert await line() == "gateways differ: no limit / 1,200 calls in any 60 s"


async def test_what_is_down_is_told(world: World) -> None:
    """Without any service there is an answer still, and it says what lacks."""
    seen = await (await world.operator("sys:health:view")).shown("/health")
    assert seen["ok"] is False
    assert [each["instances"] for each in seen["services"]] == [[]] * 5
    assert "no instance of log-indexer is running" in seen["logs"]["error"]
    assert refusal(await (await world.operator("dash:view")).get("/health")) == (403, "forbidden")
