"""Alerts in a browser: from a rule over a slow call and its mail to the acknowledgement and the recovery; a silence."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.operator import Platform, Reader
from tests.waiting import PATIENCE_S


def eventually(found: Callable[[], Any], what: str) -> Any:
    ends = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        assert time.monotonic() < ends, what
        time.sleep(0.2)
    return answer


def call(platform: Platform, method: str) -> None:
    example = platform.demo["apis"][method]["example"]
    platform.call(platform.demo["app_key"], platform.demo["app_secret"], method, **example)


def alert_of(platform: Platform, rule: str, state: str, *, calling: str = "") -> Any:
    """The rule's alert in that state, once there is one. calling: an API to call until then: a log may come after its window."""
    [found] = platform.ask("GET", "/alert-rules", params={"q": rule})["items"]

    def look() -> Any:
        alerts = platform.ask("GET", "/alerts", params={"rule_id": found["id"]})["items"]
        found_now = next((alert for alert in alerts if alert["state"] == state), None)
        if found_now is None and calling:
            call(platform, calling)
        return found_now

    return eventually(look, f"no alert of {rule} is {state}")


def mails_in(box: Path, subject: str) -> list[str]:
    """Plain texts of the mails whose subject begins so."""
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in box.glob("*.eml")]
    return [m.get_body(("plain",)).get_content() for m in read if str(m["Subject"]).startswith(subject)]


def make_rule(reader: Reader, name: str, api_name: str) -> None:
    """By the form: any call of the API within ten seconds is over the limit."""
    page = reader.go("/alerts/rules/new")
    page.fill("[name=name]", name)
    page.fill("[name=api_name]", api_name)
    page.fill("[name=threshold]", "0")
    page.fill("[name=window_s]", "10")
    page.fill("[name=recipients]", "dev@pailou.example")
    page.click("form#rule button[type=submit]")
    page.wait_for_url(re.compile("/alerts/rules$"))
    expect(page.locator("tbody")).to_contain_text(name)


def test_alert_fire_mail_link_ack_recover(reader: Reader, platform: Platform, outbox: Path) -> None:
    """A rule, a call over its limit, a mail whose link leads to the alert, the acknowledgement there, the recovery mail."""
    make_rule(reader, "慢订单", "open.order.get")
    alert = alert_of(platform, "慢订单", "alerting", calling="open.order.get")
    subject = "[报警][严重] 1 个API 10秒平均响应超 0ms (最高 open.order.get"
    [text] = eventually(lambda: mails_in(outbox, subject), "no alert mail")
    link = re.search(r"报警事件：(\S+)", text)
    assert link is not None
    page = reader.go(link[1].removeprefix(platform.url))
    assert page.url.endswith(f"/alerts/{alert['id']}")
    expect(page.locator("h1")).to_have_text("open.order.get")
    page.fill("[name=note]", "在查 <b>")
    page.click("form#ack button[type=submit]")
    expect(page.locator(".facts")).to_contain_text("在查 <b>")
    alert_of(platform, "慢订单", "normal")
    eventually(lambda: mails_in(outbox, "[恢复] 1 个API 10秒平均响应不再超 0ms"), "no recovery mail")
    page = reader.go(f"/alerts/{alert['id']}")
    expect(page.locator(".page-header")).to_contain_text("正常")
    expect(page.locator("table.cards tbody tr").filter(has_text="[恢复]")).to_have_count(1)
    page.locator("details summary").filter(has_text="[报警]").first.click()
    reader.picture("alert-mail", tallest_px=1000)


def test_silence(reader: Reader, platform: Platform, outbox: Path) -> None:
    """Silenced by the mail's link, the next alert of the API is shown and no mail is written; then it is taken back."""
    make_rule(reader, "静默的", "open.stock.get")
    alert = alert_of(platform, "静默的", "alerting", calling="open.stock.get")
    subject = "[报警][严重] 1 个API 10秒平均响应超 0ms (最高 open.stock.get"
    eventually(lambda: mails_in(outbox, subject), "no alert mail")
    page = reader.go(f"/alerts/{alert['id']}?silence=60")
    dialog = page.locator("#silence-box")
    expect(dialog).to_be_visible()
    dialog.locator("button[type=submit]").click()
    reader.expected.append("422")
    expect(dialog.locator("[name=reason]")).to_have_attribute("aria-invalid", "true")
    dialog.locator("[name=reason]").fill("发布")
    dialog.locator("button[type=submit]").click()
    expect(page.locator(".page-header")).to_contain_text("已静默")
    alert_of(platform, "静默的", "normal")
    before = len(mails_in(outbox, subject))
    again = alert_of(platform, "静默的", "alerting", calling="open.stock.get")
    assert again["id"] != alert["id"]
    assert again["notified_at"] is None
    assert datetime.fromisoformat(again["silenced_until"])
    assert len(mails_in(outbox, subject)) == before
    page = reader.go("/alerts/silences?state=in_force")
    page.locator("tbody tr").filter(has_text="open.stock.get").get_by_role("button", name="结束静默").click()
    expect(page.locator("tbody tr").filter(has_text="open.stock.get")).to_contain_text("已结束")


def test_a_test_mail_is_sent_and_a_wrong_rule_keeps_what_was_typed(reader: Reader, outbox: Path) -> None:
    """The answer names each recipient; a form with mistakes says which, and an address with a line break is two lines."""
    page = reader.go("/alerts/rules")
    page.locator("tbody tr").filter(has_text="订单搜索变慢").get_by_role("button", name="试发").click()
    expect(page.locator("#notice")).to_contain_text("测试邮件已发出")
    assert eventually(lambda: mails_in(outbox, "[测试] 报警规则「订单搜索变慢」"), "no test mail")
    page = reader.go("/alerts/rules/new")
    reader.expected.append("422")
    page.fill("[name=name]", "错的")
    page.fill("[name=threshold]", "一千")
    page.fill("[name=recipients]", "nobody")
    for day in (6, 7):
        page.check(f"[name=active_days][value='{day}']")
    page.fill("[name=active_from]", "22:00")
    page.click("form#rule button[type=submit]")
    for field in ("threshold", "recipients"):
        expect(page.locator(f"[name={field}]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name=recipients]")).to_have_value("nobody")
    page.fill("[name=threshold]", "1000")
    page.fill("[name=recipients]", "dev@pailou.example")
    page.click("form#rule button[type=submit]")
    expect(page.locator("[name=active_to]")).to_have_attribute("aria-invalid", "true")
    page.fill("[name=active_to]", "06:00")
    page.click("form#rule button[type=submit]")
    page.wait_for_url(re.compile("/alerts/rules$"))
    expect(page.locator("tbody tr").filter(has_text="错的")).to_contain_text("周六 周日 22:00–06:00")
