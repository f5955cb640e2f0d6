"""The first page, the ranking, customers and their money, as operators see them after real calls."""

import re

from playwright.sync_api import expect

from tests.browser.operator import Platform, Reader


def test_rank_top10(reader: Reader, platform: Platform) -> None:
    """Calls are in today's ranking at once, most called first, with shares that sum to one and a way to their logs."""
    demo = platform.demo
    for _ in range(3):
        platform.call(demo["app_key"], demo["app_secret"], order_id="880000000001")
    platform.call(demo["app_key"], demo["app_secret"], "open.stock.search")
    page = reader.go("/rank")
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="open.order.get")).to_have_count(1)
    counts = [
        int(text.replace(",", ""))
        for text in page.locator("tbody .num", has=page.locator("xpath=self::span")).all_inner_texts()
    ]
    assert counts == sorted(counts, reverse=True)
    shares = [float(text.rstrip(" %")) for text in page.locator("tbody td.num.text-end").all_inner_texts()]
    assert abs(sum(shares) - 100) < 1
    rows.first.get_by_role("link").click()
    page.wait_for_url(re.compile(r"/logs\?api_name=open\."))
    reader.go("/rank?day=1999-01-01")
    expect(page.locator("input[name=day]")).not_to_have_value("1999-01-01")


def test_overview_shows_calls_and_health(reader: Reader, platform: Platform) -> None:
    """Failing calls show up in the live figures and under their error code; the strip tells that all gateways are in force."""
    demo = platform.demo
    for _ in range(10):  # other tests' errors are fewer: five codes are shown
        platform.call(demo["app_key"], "0" * 32, order_id="880000000001")
    page = reader.go("/?window=today")
    expect(page.locator("#health")).to_contain_text("1/1 已生效")
    code = page.locator("#calls").get_by_role("link", name="25:isv.invalid-signature")
    expect(code).to_be_visible()  # the page asks again every ten seconds
    expect(page.locator("#calls canvas")).to_be_visible()
    reader.picture("overview-today")
    page.locator("figcaption summary").click()
    expect(page.locator("figcaption table")).to_be_visible()


def test_a_recharge_moves_the_balance_once_it_is_confirmed(reader: Reader, platform: Platform) -> None:
    """Yuan are typed, fen are kept; an amount that is none is refused; confirming moves the balance, and the ledger says so."""
    page = reader.page
    reader.expected.append(r"422")
    page.on("dialog", lambda dialog: dialog.accept())
    made = platform.ask("POST", "/customers", json={"username": "recharged-by-hand", "nickname": "充值测试"})
    reader.go(f"/recharges/new?cus_id={made['id']}")
    page.fill("[name=money]", "12.345")
    page.click("main button[type=submit]")
    expect(page.locator("#recharge-money-error")).to_have_text("必须是整数")
    page.fill("[name=money]", "1,234.56")
    page.click("main button[type=submit]")
    expect(page.locator("#toasts")).to_contain_text("已录入")
    row = page.locator("tbody tr", has_text="recharged-by-hand")
    expect(row).to_contain_text("¥1,234.56")
    row.get_by_role("button", name="确认到账").click()
    expect(page.locator("tbody tr", has_text="recharged-by-hand")).to_contain_text("已支付")
    reader.go(f"/customers/{made['id']}")
    expect(page.locator(".figures")).to_contain_text("¥1,234.56")
    expect(page.locator("tbody")).to_contain_text("recharge:")
