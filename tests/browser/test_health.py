"""The health screen: what the platform depends on, and dead letters that are looked at and sent again."""

import re

from playwright.sync_api import expect

from tests.browser.operator import Reader


def test_everything_that_runs_is_on_the_screen(reader: Reader) -> None:
    """Each service with its checks, the gateway's process with the configuration in force, no dead letters."""
    page = reader.go("/sys/health")
    health = page.locator("#health")
    for service in ("log-indexer", "monitor", "order-service", "warehouse-service", "admin-api"):
        expect(health.get_by_text(service, exact=True)).to_be_visible()
    expect(health.get_by_text("all-in-one", exact=True)).to_be_visible()
    # A process tells its configuration with its next beat, the screen reads it with its next look: other tests change things.
    expect(health.get_by_text("已生效", exact=True)).to_be_visible()
    expect(health.get_by_text("1 / 1", exact=True)).to_be_visible()
    expect(
        health.get_by_text(re.compile("FTS5，请求内容分词器 unicode61（中文按单字，关键词按短语匹配）"))
    ).to_be_visible()
    expect(health.get_by_text(re.compile(r"^持锁：评估了最近窗口，锁编号 \d+$"))).to_be_visible()
    expect(health.get_by_text(re.compile(r"^故障演练.*项中已测 \d+ 项"))).to_be_visible()
    expect(page.locator("#letters")).to_contain_text("没有死信")
