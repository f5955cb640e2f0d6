"""APIs, system parameters, tokens, limits and the test bench in a browser, against real calls."""

import re
import time

from playwright.sync_api import expect

from tests.browser.operator import Reader
from tests.waiting import PATIENCE_S


def code_of(answer: dict[str, object]) -> object:
    error = answer.get("error_response")
    return error["code"] if isinstance(error, dict) else 0


def calls_end_with(reader: Reader, code: int, name: str = "open.order.get", **params: str) -> None:
    """Waits until calls are answered so: the page that told of a change may be shown before a gateway heard of it."""
    demo = reader.platform.demo
    until, seen = time.monotonic() + PATIENCE_S, object()
    while time.monotonic() < until:
        seen = code_of(reader.platform.call(demo["app_key"], demo["app_secret"], name, **params))
        if seen == code:
            return
        time.sleep(0.1)
    raise AssertionError(seen)


def test_mapping_create_publish_call(reader: Reader) -> None:
    """An API that is made in the console answers callers; made unavailable it is error 22, in its batch too."""
    page = reader.go("/mappings/new")
    name = "open.browser.order.get"
    for field, value in {
        "gateway_api_name": name, "service_id": "order-service", "inside_api_url": "/orders/{order_id}",
        "request_schema": '{"type": "object", "properties": {"order_id": {"type": "integer"}}, "required": ["order_id"]}',
    }.items():  # fmt: skip
        page.fill(f"#mapping-{field}", value)
    page.check("#mapping-is_open")
    page.get_by_role("button", name="预览变更").click()
    shown = page.locator("#preview")
    expect(shown).to_contain_text("/orders/{order_id}")
    shown.get_by_role("button", name="发布").click()
    page.wait_for_url(re.compile(r"/mappings/\d+$"))
    expect(page.get_by_text("已在 1/1 个网关生效")).to_be_visible()
    calls_end_with(reader, 0, name, order_id="880000000001")

    page.select_option("#mapping-state", "0")
    page.get_by_role("button", name="预览变更").click()
    expect(shown).to_contain_text("22")  # what callers will be told
    assert reader.axe() == []
    reader.picture("mapping-preview")
    shown.get_by_role("button", name="发布").click()
    calls_end_with(reader, 22, name, order_id="880000000001")

    means = page.locator("#list [id^=mean-]")
    reader.go("/mappings?q=open.browser")
    while " ms" not in means.inner_text():  # of the calls before, once they are indexed
        reader.go("/mappings?q=open.browser")
    page.check("[data-row-box]")
    page.get_by_role("button", name="设为可用").click()
    expect(page.locator("#list .badge", has_text=re.compile("^可用$"))).to_be_visible()
    expect(means).to_contain_text(" ms")
    calls_end_with(reader, 0, name, order_id="880000000001")


def test_mapping_ssrf_refused(reader: Reader) -> None:
    """A URL in place of a path is refused at its field as soon as that is left, and when saving; what was typed stays."""
    reader.expected = ["422"]
    page = reader.go("/mappings/new")
    page.fill("#mapping-gateway_api_name", "open.browser.foreign")
    page.fill("#mapping-service_id", "order-service")
    page.fill("#mapping-inside_api_url", "http://169.254.169.254/latest")
    page.keyboard.press("Tab")
    path, wrong = page.locator("#mapping-inside_api_url"), page.locator("#mapping-inside_api_url-error")
    expect(wrong).to_be_visible()
    expect(path).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#mapping-http_method")).to_be_focused()
    expect(page.locator("#mapping-timeout_ms-error")).to_be_empty()
    path.fill("/latest")
    page.keyboard.press("Tab")
    expect(wrong).to_be_empty()
    expect(path).not_to_have_attribute("aria-invalid", "true")
    path.fill("http://169.254.169.254/latest")
    page.get_by_role("button", name="预览变更").click()
    expect(page.locator("#mapping-inside_api_url-error")).to_be_visible()
    expect(page.locator("#mapping-inside_api_url")).to_have_value("http://169.254.169.254/latest")
    expect(page.locator("#mapping-gateway_api_name")).to_have_value("open.browser.foreign")


def test_token_revoke(reader: Reader) -> None:
    """A token that is recorded works at once, is found by pasting it, and is error 27 when revoked."""
    page, demo = reader.go("/tokens/new?app_key=10000001"), reader.platform.demo
    page.fill("#token-user_id", str(demo["vender_id"]))
    page.get_by_role("button", name="录入").click()
    token = page.locator("[data-copy]").first.get_attribute("data-copy")
    assert token
    call = {"session": token, "order_id": "880000000001"}
    calls_end_with(reader, 0, **call)

    reader.go("/tokens")
    page.get_by_role("button", name="粘贴查找").click()
    page.fill("#find-token", token)
    page.locator("#find").get_by_role("button", name="查找", exact=True).click()
    expect(page.locator("#find-result")).to_contain_text(f"{token[:4]}…{token[-4:]}")
    page.keyboard.press("Escape")

    row = page.locator("tr", has_text=f"{token[:4]}…{token[-4:]}")
    row.get_by_role("button", name="吊销").click()
    page.locator("dialog[open]").get_by_role("button", name="吊销").click()
    expect(row).to_contain_text("已吊销")
    calls_end_with(reader, 27, **call)


def test_the_bench_calls_and_times_the_stages(reader: Reader) -> None:
    """The bench shows what is signed, the answer, and the microseconds of each stage."""
    page = reader.go("/try?api_name=open.order.get")
    page.fill("#try-user_id", str(reader.platform.demo["vender_id"]))
    page.fill("#try-p-order_id", "880000000001")
    page.get_by_role("button", name="发送").click()
    tried = page.locator("#tried")
    expect(tried).to_contain_text("880000000001")
    expect(tried).to_contain_text("app_key10000001")  # the text that is signed
    expect(tried.locator("canvas")).to_be_visible()
    reader.picture("bench-tried", tallest_px=1000)
    tried.locator("summary").click()
    expect(tried.get_by_role("row", name=re.compile("签名"))).to_be_visible()


def test_param_type_and_default(reader: Reader) -> None:
    """Each type has its own input; a default that does not fit is told at its field; calls get the default, and the list shows it."""
    reader.expected = ["422"]
    page = reader.go("/sysparams/new")
    default = page.locator("#param-default_value")
    expect(page.locator("#param-choices")).to_be_hidden()
    for kind, attribute, value in (("timestamp", "type", "datetime-local"), ("integer", "inputmode", "numeric")):
        page.select_option("#param-value_type", kind)
        expect(default).to_have_attribute(attribute, value)
    page.fill("#param-name", "browser_lang")
    default.fill("seven")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#param-default_value-error")).to_have_text("必须是整数")
    expect(default).to_have_value("seven")
    page.select_option("#param-value_type", "boolean")
    expect(default.locator("option")).to_have_text(["无", "true", "false"])
    page.select_option("#param-value_type", "choice")
    page.fill("#param-choices", "zh\nen")
    page.keyboard.press("Tab")
    expect(default.locator("option")).to_have_text(["无", "zh", "en"])
    page.select_option("#param-default_value", "en")
    assert reader.axe() == []
    page.get_by_role("button", name="保存").click()
    page.wait_for_url(re.compile(r"/sysparams$"))
    row = page.locator("tr", has_text="browser_lang")
    expect(row).to_contain_text("多选一")
    expect(row.locator("td[data-label=默认值]")).to_have_text("en")
    expect(row).to_contain_text(reader.platform.email)

    try:
        calls_end_with(reader, 41, order_id="880000000001", browser_lang="de")
        calls_end_with(reader, 0, order_id="880000000001")
    finally:
        row.get_by_role("link").click()
        expect(default).to_have_value("en")
        page.get_by_role("button", name="删除").first.click()
        page.locator("#remove-form").get_by_role("button", name="删除").click()
        page.wait_for_url(re.compile(r"/sysparams$"))
