"""The words of an alert mail: subject, plain text and HTML for one group of alerts. Pure.

Names of APIs come from callers: in the subject and the text they lose their control characters, in HTML they are escaped.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from monitor.repository.rules import AlertRule
from monitor.service.judgement import BLIND

Kind = Literal["opened", "reminder", "closed"]
MAX_ROWS = 50
"""More rows than anybody reads in a mail; the rest is counted."""
_MAX_NAME = 60  # in the subject, which mail programs cut anyway
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_SEVERITIES = {"critical": "严重", "warning": "警告"}
_METRICS = {"mean_ms": ("平均响应", "ms"), "p95_ms": ("P95响应", "ms"), "error_rate": ("错误率", "%")}
_CELL = "padding:4px 10px;border:1px solid #ccc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One API in a mail. value: in the metric's unit (the worst one in a closing mail); note: new, or for how long."""

    api_name: str | None
    value: float | None
    p95_ms: float | None
    calls: int | None
    errors: int | None
    note: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a mail is written. start, end: the judged window, aware; lasted: how long the oldest alert of the group lasts."""

    kind: Kind
    rule: AlertRule
    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    lasted: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """One mail's words: as text, and as HTML for those who read that."""

    subject: str
    text: str
    html: str


def compose(occasion: Occasion, *, zone: ZoneInfo, console_url: str) -> MailText:
    """The mail in Chinese; times in `zone`, to the second; links when console_url is not empty."""
    subject = _subject(occasion)
    facts = _facts(occasion, zone)
    links = _links(occasion, zone, console_url) if console_url else []
    return MailText(
        subject=subject, text=_text(occasion, subject, facts, links), html=_html(occasion, subject, facts, links)
    )


def duration(length: timedelta) -> str:
    """`50 秒`, `17 分钟`, `3 小时 5 分钟`."""
    seconds = max(int(length.total_seconds()), 0)
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours} 小时 {minutes} 分钟" if minutes else f"{hours} 小时"
    return f"{minutes} 分钟" if minutes else f"{seconds} 秒"


def _subject(occasion: Occasion) -> str:
    severity = _SEVERITIES.get(occasion.rule.severity, occasion.rule.severity)
    what = _what_is_blind(occasion) if occasion.rule.metric == BLIND else _what_is_slow(occasion)
    match occasion.kind:
        case "opened":
            return f"[报警][{severity}] {what}"
        case "reminder":
            return f"[提醒][{severity}] {what}，已持续 {duration(occasion.lasted)}"
        case "closed":
            return f"[恢复] {what}，持续 {duration(occasion.lasted)}"


def _what_is_blind(occasion: Occasion) -> str:
    if occasion.kind == "closed":
        return "又能看到调用日志"
    lag = occasion.rows[0].value
    return "看不到调用日志：" + ("日志查询不可用" if lag is None else f"日志延迟 {duration(timedelta(seconds=lag))}")


def _what_is_slow(occasion: Occasion) -> str:
    words, unit = _METRICS[occasion.rule.metric]
    window = duration(occasion.end - occasion.start).replace(" ", "")
    worst = max(occasion.rows, key=lambda row: row.value or 0)
    over = "不再超" if occasion.kind == "closed" else "超"
    limit = f"{window}{words}{over} {_number(occasion.rule.threshold)}{unit}"
    return (
        f"{len(occasion.rows)} 个API {limit} (最高 {_plain(worst.api_name)[:_MAX_NAME]} {_number(worst.value)}{unit})"
    )


def _facts(occasion: Occasion, zone: ZoneInfo) -> list[tuple[str, str]]:
    rule = occasion.rule
    facts = [("窗口", f"{_time(occasion.start, zone)} 至 {_time(occasion.end, zone)}")]
    if rule.metric == BLIND:
        facts.append(("规则", f"{rule.name}：日志延迟超过 {_number(rule.threshold)} 秒，或日志查询不可用"))
        facts.extend(("原因", _plain(row.detail)) for row in occasion.rows if row.detail)
        facts.append(("影响", "在此期间无法判断各 API 是否正常" if occasion.kind != "closed" else "已恢复判断"))
    else:
        words, unit = _METRICS[rule.metric]
        scope = "所有 API" if rule.api_name is None else _plain(rule.api_name)
        facts.append(
            (
                "规则",
                f"{rule.name}：{scope} {words} > {_number(rule.threshold)}{unit}，窗口内至少 {rule.min_calls} 次调用",
            )
        )
    facts.append(("收件人", ", ".join(rule.recipients)))
    return facts


def _links(occasion: Occasion, zone: ZoneInfo, console_url: str) -> list[tuple[str, str]]:
    window = {"from": occasion.start.astimezone(zone).isoformat(), "to": occasion.end.astimezone(zone).isoformat()}
    apis = [row.api_name for row in occasion.rows if row.api_name is not None]
    condition = {"api_name": apis[0]} if len(apis) == 1 else {}
    return [
        ("日志搜索", f"{console_url}/logs?{urlencode({**condition, **window})}"),
        ("报警事件", f"{console_url}/alerts"),
    ]


def _head(occasion: Occasion) -> tuple[str, ...]:
    words, unit = _METRICS[occasion.rule.metric]
    return ("API", f"{'曾最高' if occasion.kind == 'closed' else words} ({unit})", "P95 (ms)", "次数", "错误率", "说明")


def _cells(row: Row) -> tuple[str, ...]:
    errors = "-" if not row.calls or row.errors is None else f"{100 * row.errors / row.calls:.1f}%"
    calls = "-" if row.calls is None else str(row.calls)
    return _plain(row.api_name), _number(row.value), _number(row.p95_ms), calls, errors, row.note


def _text(occasion: Occasion, subject: str, facts: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]]) -> str:
    lines = [subject, "", *(f"{name}：{value}" for name, value in facts)]
    if occasion.rule.metric != BLIND:
        lines += ["", " | ".join(_head(occasion)), *(" | ".join(_cells(row)) for row in occasion.rows[:MAX_ROWS])]
        lines += [more] if (more := _more(occasion)) else []
    if links:
        lines += ["", *(f"{name}：{url}" for name, url in links)]
    return "\n".join([*lines, "", _FOOTER, ""])


def _html(occasion: Occasion, subject: str, facts: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]]) -> str:
    parts = [f'<h2 style="font-size:16px">{html.escape(subject)}</h2>']
    parts += [f"<p>{html.escape(name)}：{html.escape(value)}</p>" for name, value in facts]
    if occasion.rule.metric != BLIND:
        head = "".join(f'<th style="{_CELL};text-align:left">{html.escape(cell)}</th>' for cell in _head(occasion))
        body = "".join(
            "<tr>" + "".join(f'<td style="{_CELL}">{html.escape(cell)}</td>' for cell in _cells(row)) + "</tr>"
            for row in occasion.rows[:MAX_ROWS]
        )
        parts.append(f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}</table>')
        parts += [f"<p>{more}</p>"] if (more := _more(occasion)) else []
    parts += [f'<p><a href="{html.escape(url)}">{html.escape(name)}</a></p>' for name, url in links]
    parts.append(f'<p style="color:#666">{_FOOTER}</p>')
    return f'<!doctype html><html lang="zh-CN"><body style="font-family:sans-serif">{"".join(parts)}</body></html>'


_FOOTER = "本邮件由 Pailou 监控自动发出，请勿回复；不想再收到，请联系管理员把您从规则的收件人中移除。"


def _more(occasion: Occasion) -> str:
    hidden = len(occasion.rows) - MAX_ROWS
    return f"另有 {hidden} 个 API 未列出" if hidden > 0 else ""


def _plain(name: str | None) -> str:
    return _CONTROL.sub(" ", name or "-")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}".removesuffix(".0")


def _time(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return f"{local[:19]} {local[19:]}"
