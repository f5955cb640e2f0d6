"""Searching call logs and reading statistics in a browser: conditions, highlights that cannot inject, zooming, exports, outages."""

import csv
import io
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Download, expect

from openplatform.signed_call import sign_call
from tests.browser.operator import Platform, Reader
from tests.waiting import PATIENCE_S

XSS = "</em><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
FORMULA = "=HYPERLINK(1)"
WORD = "仓储快运"


@pytest.fixture(scope="module")
def called(platform: Platform) -> Platform:
    """The platform after five calls of this module's own, one hostile, one of an API named like a formula, all of them found by WORD."""
    for memo in (f"{WORD} one", f"{WORD} two", f"{WORD} {XSS}", f"{WORD} four", f"{WORD} five"):
        call = sign_call(
            url=platform.demo["gateway_url"],
            app_key=platform.demo["app_key"],
            secret=platform.demo["app_secret"],
            method=FORMULA if "four" in memo else "open.order.get",
            params={"session": platform.demo["session"], "order_id": "880000000001", "a": memo},
            now=datetime.now(UTC),
        )
        assert httpx.post(call.url, data=call.params, trust_env=False, timeout=PATIENCE_S).is_success
    last_hour = {"from": (datetime.now(UTC) - timedelta(hours=1)).isoformat(), "q": WORD}
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        until = {"to": (datetime.now(UTC) + timedelta(minutes=1)).isoformat()}
        if platform.ask("GET", "/logs", params=last_hour | until)["total"] == 5:
            return platform
        time.sleep(0.2)
    raise AssertionError("the calls were not indexed")


def test_log_search_combined_highlight(reader: Reader, called: Platform) -> None:
    """Keywords, API, error code and a preset combine; words found are marked; each condition is a pill that can be taken away."""
    page = reader.go("/logs")
    page.fill("input[name=q]", f"{WORD} two")
    page.fill("input[name=api_name]", "open.order.get")
    page.fill("input[name=error]", "0")
    page.get_by_role("button", name="搜索", exact=True).click()
    reader.settled()
    assert parse_qs(urlsplit(page.url).query)["q"] == [f"{WORD} two"]
    expect(page.locator("[data-total]")).to_have_text("1 条调用")
    assert page.locator(".snippet em").all_inner_texts() == [WORD, "two"]
    expect(page.locator(".pills li")).to_have_count(3)
    reader.picture("logs-found")
    page.get_by_label("去掉条件：关键词").click()
    reader.settled()
    assert "q" not in parse_qs(urlsplit(page.url).query)
    expect(page.locator(".pills li")).to_have_count(2)
    page.goto(f"/logs?range=1h&q={WORD}&min_ms=99999")
    reader.settled()
    expect(page.locator(".empty-title")).to_be_visible()


def test_log_drawer_shows_a_call_and_its_neighbours(reader: Reader, called: Platform) -> None:
    """A row opens a drawer with the parameters one by one and the app's calls around it; Escape returns to the row."""
    page = reader.go(f"/logs?range=1h&q={WORD}")
    opener = page.locator("[data-open-log]").first
    opener.click()
    drawer = page.locator("dialog.drawer-box")
    expect(drawer).to_contain_text("880000000001")
    expect(drawer.locator("#neighbours tbody tr").nth(4)).to_be_visible()
    expect(drawer.locator("#neighbours tr[aria-current]")).to_have_count(1)
    replay = parse_qs(urlsplit(drawer.get_by_role("link", name="在测试台重放").get_attribute("href") or "").query)
    assert (replay["api_name"], replay["order_id"]) == (["open.order.get"], ["880000000001"])
    assert not {"session", "sign", "timestamp"} & set(replay)
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_visible()
    expand = page.locator("[data-expand]").first
    expand.click()
    expect(expand).to_have_attribute("aria-expanded", "true")
    expect(page.locator("tr.expanded").first).to_contain_text("order_id=880000000001")


def test_log_columns_are_kept_in_the_profile(reader: Reader, called: Platform) -> None:
    """The table has the columns that were ticked, at the next visit too."""
    page = reader.go(f"/logs?range=1h&q={WORD}")
    heads = page.locator("#found thead th")
    usual = heads.all_inner_texts()

    def tick(*, on: bool) -> None:
        page.locator("[data-columns] summary").click()
        page.locator("[data-columns]").get_by_label("请求 ID").set_checked(on)
        with page.expect_navigation():
            page.get_by_role("button", name="显示这些列").click()
        reader.settled()

    tick(on=True)
    reader.go("/logs?range=7d")
    expect(heads).to_have_text([*usual, "请求 ID"])
    tick(on=False)
    expect(heads).to_have_text(usual)


def test_log_xss_payload_inert(reader: Reader, called: Platform) -> None:
    """Markup in a request is text in the snippet, the expanded row, the drawer and the pill."""
    page = reader.go(f"/logs?range=1h&q={WORD}%20script")
    expect(page.locator("[data-total]")).to_have_text("1 条调用")
    expect(page.locator(".snippet")).to_contain_text("</em><script>window.hacked=1</script>")
    assert page.locator(".snippet em").all_inner_texts() == [WORD, "script", "script"]
    page.locator("[data-expand]").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("dialog.drawer-box")).to_contain_text("onerror=window.hacked=1")
    page.keyboard.press("Escape")
    expect(page.locator("tr[data-log]")).to_be_focused()
    page.goto("/logs?range=1h&q=%3C%2Fem%3E%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E")
    reader.settled()
    expect(page.locator(".pills li")).to_contain_text("</em><script>window.hacked=1</script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#found script, #found img").count() == 0


def test_log_histogram_zoom(reader: Reader, called: Platform) -> None:
    """Dragging over bars makes their window the page's; Shift with an arrow moves it by half; the back button undoes it."""
    page = reader.go("/logs?range=7d")
    canvas = page.locator("[data-zoom] .chart-canvas")
    expect(canvas.locator("canvas").first).to_be_visible()
    box = canvas.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.70, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.80, middle, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.90, middle, steps=4)
    with page.expect_navigation():
        page.mouse.up()
    reader.settled()
    start, end = window_of(page.url)
    assert timedelta(hours=12) < end - start < timedelta(days=3)
    with page.expect_navigation():
        page.keyboard.press("Shift+ArrowLeft")
    reader.settled()
    assert window_of(page.url) == (start - (end - start) / 2, end - (end - start) / 2)
    page.go_back()
    reader.settled()
    assert window_of(page.url) == (start, end)


def test_a_range_that_makes_no_sense_is_said(reader: Reader) -> None:
    """From after to, and a wildcard: the page says what is wrong, keeps what was typed and searches nothing."""
    reader.expected += ["422"]
    page = reader.go("/logs?from=2026-01-02T00:00:00&to=2026-01-01T00:00:00&q=x")
    expect(page.get_by_role("alert")).to_contain_text("结束时间须晚于开始时间")
    expect(page.locator("input[name=q]")).to_have_value("x")
    assert page.locator("#found").count() == 0
    page = reader.go("/logs?q=*order")
    expect(page.locator("#found [role=alert]")).to_contain_text("不支持通配符")
    page = reader.go("/logs?remote_ip=10.0.0.0/99")
    expect(page.get_by_role("alert")).to_contain_text("地址")


def test_stats_seconds_range(reader: Reader, called: Platform) -> None:
    """The range is exact to the second: one that ends at a call's second does not count it, one a second longer does."""
    [row] = called.ask("GET", "/logs", params=around_now() | {"q": f"{WORD} five"})["items"]
    second = datetime.fromtimestamp(row["receiveTime"] // 1000, UTC)
    page = reader.go(f"/stats?api_name=open.order.get&error=0&from={iso(second - timedelta(hours=1))}&to={iso(second)}")
    before = calls_shown(
        page.locator("#found table.cards tbody tr").first.inner_text()
        if page.locator("#found table.cards tbody tr").count()
        else ""
    )
    page = reader.go(
        f"/stats?api_name=open.order.get&error=0&from={iso(second - timedelta(hours=1))}&to={iso(second + timedelta(seconds=1))}"
    )
    assert calls_shown(page.locator("#found table.cards tbody tr").first.inner_text()) > before
    page.get_by_role("link", name="p95").click()
    reader.settled()
    assert parse_qs(urlsplit(page.url).query)["sort"] == ["-p95_ms"]
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("p95")
    page.get_by_role("link", name="错误码", exact=True).click()
    reader.settled()
    expect(page.locator("#found table.cards tbody th").first).to_have_text("0")


def test_csv_export_formula_safe(reader: Reader, called: Platform) -> None:
    """The export of a search is a file with every record found, and no cell that a spreadsheet would compute."""
    page = reader.go(f"/logs?range=1h&q={WORD}")
    page.locator("[data-exports] summary").click()
    with page.expect_download() as begun:
        page.get_by_role("link", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(text_of(begun.value), newline="")))
    assert begun.value.suggested_filename.endswith(".csv")
    assert len(rows) == 5
    assert {row["apiName"] for row in rows} == {"open.order.get", f"'{FORMULA}"}
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    expect(page.locator("dialog[open]")).to_have_count(0)  # nothing is left to be said


def test_es_down_region(reader: Reader, called: Platform) -> None:
    """While the log store is broken the regions say that the search is unavailable; the form, the menu and other pages live."""
    reader.expected += ["503"]
    with broken_store(called.var / "call-logs.sqlite3"):
        page = reader.go("/logs?range=1h")
        expect(page.locator("#found")).to_contain_text("搜索暂不可用")
        expect(page.locator("#chart")).to_contain_text("搜索暂不可用")
        expect(page.locator("input[name=q]")).to_be_editable()
        reader.go("/stats?range=1h")
        expect(page.locator("#found")).to_contain_text("搜索暂不可用")
    page.get_by_role("link", name="重试").click()
    reader.settled()
    expect(page.locator("#found table.cards tbody tr").first).to_be_visible()


@contextmanager
def broken_store(file: Path) -> Iterator[None]:
    """Takes a table away from the log store, and gives it back."""
    store = sqlite3.connect(file, timeout=PATIENCE_S, isolation_level=None)
    store.execute("ALTER TABLE call_log RENAME TO taken_away")
    try:
        yield
    finally:
        store.execute("ALTER TABLE taken_away RENAME TO call_log")
        store.close()


def around_now() -> dict[str, str]:
    now = datetime.now(UTC)
    return {"from": iso(now - timedelta(hours=1)), "to": iso(now + timedelta(minutes=1))}


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def window_of(url: str) -> tuple[datetime, datetime]:
    query = parse_qs(urlsplit(url).query)
    return datetime.fromisoformat(query["from"][0]), datetime.fromisoformat(query["to"][0])


def calls_shown(row: str) -> int:
    """The number of calls in a row of statistics: the first number after the API's name."""
    found = re.search(r"open\.order\.get\s+([\d,]+)", row)
    return int(found[1].replace(",", "")) if found else 0


def text_of(download: Download) -> str:
    return Path(download.path()).read_text(encoding="utf-8-sig")
