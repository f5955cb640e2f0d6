"""Applications by hand: made, limited, given a new secret, switched in batches; what the gateway makes of it."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, TimeoutError, expect

from tests.browser.operator import Platform, Reader
from tests.waiting import PATIENCE_S

HEX = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def app(platform: Platform) -> Iterator[dict[str, Any]]:
    """An application of the demo's first customer, made by the API, that may call everything."""
    fields = {"cus_id": 1, "corp_name": "测试公司", "app_name": "浏览器测试", "daily_limit": 50, "minute_limit": 50}
    made = platform.ask("POST", "/apps", json=fields)
    apis = platform.ask("GET", "/mappings", params={"size": 100})["items"]
    platform.ask("POST", f"/apps/{made['id']}/grants", json={"mapping_ids": [api["id"] for api in apis]})
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    token = {"app_id": made["id"], "user_id": platform.demo["vender_id"], "expire_time": ends}
    made["session"] = platform.ask("POST", "/tokens", json=token)["access_token"]
    yield made
    if platform.api.get(f"/apps/{made['id']}").is_success:
        platform.ask("DELETE", f"/apps/{made['id']}")


def call(platform: Platform, app: dict[str, Any], secret: str) -> str:
    """How a signed call of the app ends: the error's code, "0" = with an order."""
    answer = platform.call(app["app_key"], secret, session=app.get("session", ""), order_id="880000000001")
    return str(answer["error_response"]["code"]) if "error_response" in answer else "0"


def eventually(platform: Platform, app: dict[str, Any], secret: str, wanted: str) -> None:
    """Waits until calls end with this code."""
    ends = time.monotonic() + PATIENCE_S
    while (code := call(platform, app, secret)) != wanted:
        assert time.monotonic() < ends, code
        time.sleep(0.05)


def test_app_create_secret_once(reader: Reader, platform: Platform) -> None:
    """A mistake keeps what was typed; the new secret is shown once, opens the gateway, and is nowhere afterwards."""
    page = reader.page
    reader.expected.append(r"422")
    reader.go("/apps/new")
    page.fill("[name=corp_name]", "新公司")
    page.fill("[name=daily_limit]", "many")
    page.click("main button[type=submit]")
    expect(page.locator("[role=alert]")).to_be_focused()
    expect(page.locator("#app-daily_limit-error")).to_have_text("必须是整数")
    expect(page.locator("#app-app_name-error")).to_have_text("必填")
    expect(page.locator("[name=corp_name]")).to_have_value("新公司")
    page.fill("[name=app_name]", "<b>新应用</b> 🚀")
    page.fill("[name=daily_limit]", "100")
    page.select_option("[name=cus_id]", "1")
    page.locator("[name=app_name]").press("Control+Enter")
    secret = HEX.search(page.locator("[data-secret]").inner_text())
    assert secret is not None
    page.get_by_text("我已复制").click()
    expect(page.locator("h1")).to_have_text("<b>新应用</b> 🚀")
    app_key = page.locator("main .copyable code").first.inner_text()
    # Known to the gateway: it gets as far as the permission, which nobody granted.
    eventually(platform, {"app_key": app_key}, secret.group(), "11")
    for path in ("", "/secret", "/audit"):
        reader.go(re.sub(r"/$", "", page.url.split("/secret")[0].split("/audit")[0]) + path)
        assert secret.group() not in page.content()


def test_app_reset_secret_both_valid(reader: Reader, platform: Platform, app: dict[str, Any]) -> None:
    """A wrong password changes nothing; after the right one the new and the old secret sign, until the old one is ended."""
    page = reader.page
    reader.expected.append(r"422")
    reader.go(f"/apps/{app['id']}/secret")
    page.get_by_role("button", name="重置密钥").first.click()
    page.fill("#reset [name=password]", "not my password")
    page.click("#reset button[type=submit]")
    expect(page.locator("#reset-form-password-error")).to_have_text("密码错误")
    page.fill("#reset [name=password]", platform.password)
    page.click("#reset button[type=submit]")
    found = HEX.search(page.locator("[data-secret]").inner_text())
    assert found is not None
    new = found.group()
    eventually(platform, app, new, "0")
    assert call(platform, app, app["app_secret"]) == "0"
    page.get_by_text("我已复制").click()
    reader.go(f"/apps/{app['id']}/secret")
    page.get_by_role("button", name="立即失效").click()
    expect(page.locator("tbody")).to_contain_text("已失效")
    eventually(platform, app, app["app_secret"], "25")
    assert call(platform, app, new) == "0"


def test_app_limit_change_takes_effect(reader: Reader, platform: Platform, app: dict[str, Any]) -> None:
    """A limit of 3 calls a day is in force at once: the third call is the last one accepted, and the page counts them."""
    page = reader.page
    reader.go(f"/apps/{app['id']}/limits")
    page.fill("[name=daily_limit]", "3")
    page.click("main button[type=submit]")
    expect(page.locator("#toasts")).to_contain_text("已保存")
    reader.go(f"/apps/{app['id']}/limits")
    expect(page.get_by_text("已在 1/1 个网关生效")).to_be_visible()
    assert [call(platform, app, app["app_secret"]) for _ in range(5)] == ["0", "0", "0", "7", "7"]
    reader.go(f"/apps/{app['id']}/limits")
    expect(page.locator(".facts .bar").first).to_contain_text("3 / 3")
    expect(page.locator(".facts progress").first).to_have_class("full")


def test_conflict_409_diff(reader: Reader, platform: Platform, app: dict[str, Any]) -> None:
    """Who was slower sees both values and who was faster; saving again keeps theirs."""
    page = reader.page
    reader.expected.append(r"409")
    reader.go(f"/apps/{app['id']}")
    page.fill("[name=app_name]", "我的名字")
    platform.ask("PATCH", f"/apps/{app['id']}", json={"version": 1, "app_name": "别人的名字", "daily_limit": 77})
    page.click("form.sheet button[type=submit]")
    conflict = page.locator("[data-conflict]")
    expect(conflict).to_contain_text(platform.email)
    expect(conflict.locator("tbody")).to_contain_text("别人的名字")
    expect(conflict.locator("tbody")).to_contain_text("我的名字")
    page.click("form.sheet button[type=submit]")
    expect(page.locator("h1")).to_have_text("我的名字")
    kept = platform.ask("GET", f"/apps/{app['id']}")
    assert (kept["app_name"], kept["daily_limit"], kept["version"]) == ("我的名字", 77, 3)


def test_batch_disable_partial_failure(reader: Reader, platform: Platform) -> None:
    """Of three ticked rows one is gone: two are disabled, the third is named with its reason, the list is new."""
    page = reader.page
    apps = [
        platform.ask("POST", "/apps", json={"cus_id": 1, "corp_name": "批量", "app_name": f"批量{n}", "daily_limit": 1})
        for n in range(3)
    ]
    reader.go("/apps?q=批量&sort=id")
    platform.ask("DELETE", f"/apps/{apps[1]['id']}")
    page.check("[data-all]")
    expect(page.locator("[data-batch-count]")).to_have_text("3")
    page.get_by_role("button", name="停用").click()
    report = page.locator("#notice [role=alert]")
    expect(report).to_contain_text("1 条未变更")
    expect(report.locator("tbody")).to_contain_text("记录不存在")
    expect(report.locator("tbody th")).to_have_text(str(apps[1]["id"]))
    expect(page.locator("#list tbody tr")).to_have_count(2)
    expect(page.locator("#list tbody .badge")).to_have_text(["停用", "停用"])
    assert {platform.ask("GET", f"/apps/{a['id']}")["state"] for a in (apps[0], apps[2])} == {0}
    for left in (apps[0], apps[2]):
        platform.ask("DELETE", f"/apps/{left['id']}")


def test_list_state_lives_in_the_url(reader: Reader) -> None:
    """Search, filter, sort and page stand in the address; what is invalid there falls back; back goes back."""
    page = reader.page
    reader.go("/apps?page=99x&size=7000&sort=nonsense&state=9&unknown=1")
    expect(page.locator("#list tbody tr").first).to_be_visible()
    page.fill("[data-search]", "云帆ERP")
    page.press("[data-search]", "Enter")
    page.wait_for_url(re.compile("q="))
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="应用", exact=True).click()
    page.wait_for_url(re.compile("sort=app_name"))
    expect(page.locator("th[aria-sort=ascending]")).to_have_count(1)
    page.go_back()
    expect(page.locator("[data-search]")).to_have_value("云帆ERP")


def test_keyboard_only_apps(browser: Browser, platform: Platform) -> None:
    """From the sign-in to a saved change without a pointer: g a, /, j, Enter, Tab, Ctrl+Enter, ?, Escape."""
    with Reader(browser, platform) as reader:
        reader.sign_in()
        page = reader.page
        while not page.url.endswith("/apps"):  # both keys within 1.5 s, which a busy machine may miss
            page.keyboard.press("g")
            page.keyboard.press("a")
            with suppress(TimeoutError):
                page.wait_for_url("**/apps", timeout=5000)
        page.wait_for_url("**/apps")
        page.keyboard.press("/")
        expect(page.locator("[data-search]")).to_be_focused()
        page.keyboard.type("云帆ERP")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("q="))
        page.keyboard.press("?")
        expect(page.locator("dialog#keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog#keys")).to_be_hidden()
        page.keyboard.press("j")
        expect(page.locator("#list tbody tr").first).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/apps/\d+$"))
        page.keyboard.press("Tab")
        expect(page.locator(".skip-link")).to_be_focused()
        page.keyboard.press("Enter")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "description":
                break
        page.keyboard.press("Control+a")
        page.keyboard.type("只用键盘写的说明")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#toasts")).to_contain_text("已保存")
        expect(page.locator("[name=description]")).to_have_value("只用键盘写的说明")
