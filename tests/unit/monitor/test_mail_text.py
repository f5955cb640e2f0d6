"""The words of alert mails: what operators read, and what names of APIs cannot do to it."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from monitor.service.mail_layout import MAX_ROWS, MailText
from monitor.service.mail_text import Affected, Kind, Occasion, Row, compose
from monitor.service.mail_words import EN, ZH
from openplatform.records import CallLog
from tests.unit.monitor.samples import NOON, rule

SHANGHAI = ZoneInfo("Asia/Shanghai")


def row(api_name: str | None = "open.order.get", value: float | None = 2315.0, **changes: Any) -> Row:
    values: dict[str, Any] = {"p95_ms": 4100.25, "calls": 120, "errors": 2}
    return Row(api_name=api_name, value=value, **(values | changes))


def mail(
    kind: Kind,
    *rows: Row,
    console_url: str = "",
    minutes: int = 0,
    affected: Affected | None = None,
    event_id: int = 0,
    **rule_changes: Any,
) -> MailText:
    occasion = Occasion(
        kind=kind,
        rule=rule(**rule_changes),
        start=NOON - timedelta(seconds=300),
        end=NOON,
        rows=rows or (row(),),
        lasted=timedelta(minutes=minutes),
        affected=affected or Affected(),
        event_id=event_id,
    )
    return compose(occasion, zone=SHANGHAI, console_url=console_url)


def test_the_subject_says_how_many_how_slow_and_which_is_worst() -> None:
    """As the operator's phone shows it."""
    three = (row("a", 1200), row("taobao.trade.get", 2315), row("b", 1001.5))
    assert mail("opened", *three).subject == (
        "[报警][严重] 3 个API 5分钟平均响应超 1000ms (最高 taobao.trade.get 2315ms)"
    )


def test_reminder_and_recovery_say_for_how_long() -> None:
    """The same words, with their own mark in front."""
    assert mail("reminder", minutes=30).subject == (
        "[提醒][严重] 1 个API 5分钟平均响应超 1000ms (最高 open.order.get 2315ms)，已持续 30 分钟"
    )
    assert mail("closed", minutes=17).subject == (
        "[恢复] 1 个API 5分钟平均响应不再超 1000ms (最高 open.order.get 2315ms)，持续 17 分钟"
    )


def test_other_metrics_and_severities_have_their_words() -> None:
    """p95 and error rate; a warning is no alarm bell."""
    assert "P95响应超 1000ms" in mail("opened", metric="p95_ms").subject
    error_rate = mail("opened", row(value=5.5), metric="error_rate", threshold=5, severity="warning")
    assert error_rate.subject == "[报警][警告] 1 个API 5分钟错误率超 5% (最高 open.order.get 5.5%)"


def test_blindness_says_whether_nothing_answers_or_the_logs_are_late() -> None:
    """Two causes, two sentences; the reason is in the body, and so is what it means."""
    unreachable = mail(
        "opened", row(None, None, detail="log-indexer could not be reached"), metric="blind", threshold=120
    )
    assert unreachable.subject == "[报警][严重] 看不到调用日志：日志查询不可用"
    assert "原因：log-indexer could not be reached" in unreachable.text
    assert "无法判断" in unreachable.text
    late = mail("opened", row(None, 245.0), metric="blind", threshold=120)
    assert late.subject == "[报警][严重] 看不到调用日志：日志延迟 4 分钟"
    assert mail("closed", row(None, 245.0), metric="blind", minutes=3).subject == "[恢复] 又能看到调用日志，持续 3 分钟"


def test_the_window_stands_to_the_second_with_its_zone() -> None:
    """Nobody has to guess which eight o'clock is meant."""
    assert "窗口：2026-11-22 08:00:00 +08:00 至 2026-11-22 08:05:00 +08:00" in mail("opened").text


def test_the_table_has_mean_p95_calls_and_errors() -> None:
    """The same cells in text and HTML."""
    text = mail("opened", row(), row("open.stock.get", 1001.0, errors=None, calls=None, p95_ms=None))
    assert "open.order.get | 2315 | 4100.2 | 120 | 1.7% | 1000 | - | 新" in text.text
    assert "open.stock.get | 1001 | - | - | - | 1000 | - | 新" in text.text
    for cell in ("2315", "4100.2", "120", "1.7%"):
        assert f">{cell}</td>" in text.html


def test_links_lead_to_the_window_only_when_the_console_is_known() -> None:
    """One API: the search is narrowed to it; several: to the window alone."""
    assert "http" not in mail("opened").text
    text = mail("opened", row("a&b=c"), console_url="https://console.example/pailou").text
    link = next(line for line in text.splitlines() if line.startswith("日志搜索"))
    url = urlsplit(link.removeprefix("日志搜索："))
    assert url.path == "/pailou/logs"
    assert parse_qs(url.query) == {
        "api_name": ["a&b=c"],
        "from": ["2026-11-22T08:00:00+08:00"],
        "to": ["2026-11-22T08:05:00+08:00"],
    }
    assert "api_name" not in mail("opened", row("a"), row("b"), console_url="https://console.example").text


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td><a href='x'>"])
def test_a_name_is_no_html(evil: str) -> None:
    """Names come from callers: they are text in every cell, heading and link."""
    text = mail("opened", row(evil), console_url="https://console.example", api_name=evil)
    for tag in ("<script", "<img", "<a href='x'"):
        assert tag not in text.html
    assert text.html.count("<a ") == 2


@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\x00", "\u2028", "\u202e", "\x85"], ids=repr)
def test_a_name_breaks_no_line_of_the_subject_or_the_text(breaks: str) -> None:
    """Neither a header nor a line that looks like ours can be forged, nor the text's direction turned."""
    honest, forged = mail("opened", row("a b")), mail("opened", row(f"a{breaks}b"))
    assert forged == honest


def test_a_long_name_is_cut_in_the_subject_only() -> None:
    """The subject stays readable; the table has the whole name."""
    text = mail("opened", row("x" * 100))
    assert len(text.subject) < 130
    assert "x" * 100 in text.text


def test_more_rows_than_anybody_reads_are_counted() -> None:
    """Fifty rows, then the number of the others; the subject counts all."""
    rows = [row(f"api.{n:03}", 5000.0 - n) for n in range(MAX_ROWS + 7)]
    text = mail("opened", *rows)
    assert text.subject.startswith("[报警][严重] 57 个API")
    assert text.text.count("api.") == MAX_ROWS + 1  # the rule's line names none, the subject's line one
    assert "另有 7 行未列出" in text.text
    assert "另有 7 行未列出" in text.html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 秒"), (59, "59 秒"), (60, "1 分钟"), (3599, "59 分钟"), (3600, "1 小时"), (11_100, "3 小时 5 分钟")],
)
def test_durations_are_words(seconds: int, words: str) -> None:
    """Down to what matters."""
    assert ZH.duration(timedelta(seconds=seconds)) == words


def test_english_durations_are_words_too() -> None:
    """The same parts, in the other language."""
    assert [EN.duration(timedelta(seconds=seconds)) for seconds in (50, 1020, 11_100)] == [
        "50 s",
        "17 min",
        "3 h 5 min",
    ]


def test_missing_calls_and_their_return_have_their_subjects() -> None:
    """An API, or all of them; no table: the subject says it all."""
    few = mail("opened", row(value=2), metric="no_data", threshold=10, severity="warning")
    assert few.subject == "[报警][警告] open.order.get 5分钟内仅 2 次调用 (应不少于 10 次)"
    assert " | " not in few.text
    assert mail("opened", row(None, 0), metric="no_data", threshold=1).subject.startswith(
        "[报警][严重] 全部API 5分钟内仅 0 次"
    )
    assert mail("closed", row(value=2), metric="no_data", minutes=9).subject.endswith(
        "又有调用 (曾最低 5分钟 2 次)，持续 9 分钟"
    )


def test_the_slowest_requests_and_whose_they_are_stand_in_the_mail() -> None:
    """Five of them with their ids, and the three apps and merchants with most; hostile names stay text."""
    calls = tuple(
        CallLog(
            requestId=f"id{n}", appkey="<b>app", servIP="127.0.0.1", venderId=100001, remoteIp="127.0.0.1",
            apiName="open.order.get", platformRepTime=3000 - n, requestContent="{}", errorCode="0",
            receiveTime=int(NOON.timestamp() * 1000),
        )
        for n in range(9)
    )  # fmt: skip
    affected = Affected(calls=calls, apps=(("<b>app", 9), ("b", 3), ("c", 2), ("d", 1)), vendors=(("100001", 9),))
    text = mail("opened", affected=affected)
    assert "2026-11-22 08:05:00 | id0 | open.order.get | <b>app | 100001 | 3000 | 0" in text.text
    assert "id4" in text.text and "id5" not in text.text
    assert "主要应用：<b>app (9), b (3), c (2)\n" in text.text
    assert "主要商家：100001 (9)" in text.text
    assert "<b>" not in text.html and "&lt;b&gt;app" in text.html


def test_links_lead_to_the_alert_its_silence_and_the_runbook() -> None:
    """A recovery offers no silence; a rule about errors searches for errors."""
    opened = mail("opened", console_url="https://c.example", event_id=7, runbook_url="https://wiki.example/a?b&c")
    for line in (
        "处理手册：https://wiki.example/a?b&c",
        "报警事件：https://c.example/alerts/7",
        "https://c.example/alerts/7?silence=60",
    ):
        assert line in opened.text
    assert "silence" not in mail("closed", console_url="https://c.example", event_id=7).text
    assert "error=any" in mail("opened", console_url="https://c.example", metric="error_rate").text
    assert "<img" not in opened.html and "<link" not in opened.html and "src=" not in opened.html
