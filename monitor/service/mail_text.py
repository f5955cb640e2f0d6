"""The words of an alert mail: what one group of alerts says when it opens, lasts, or closes. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from monitor.repository.rules import AlertRule
from monitor.service.judgement import BLIND, NO_DATA
from monitor.service.mail_layout import MailText, Parts, Table, clock_time, lay_out, number, plain
from monitor.service.mail_words import WORDS, Words
from openplatform.records import CallLog

Kind = Literal["opened", "reminder", "closed"]
MAX_NAME = 60
"""Of an API in a subject, which mail programs cut anyway; its table has the whole name."""
MAX_SLOWEST = 5
MAX_TOP = 3
MUCH = 10
"""Times the window before, from which percent are hard to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One API in a mail. value: in the metric's unit (the worst one in a closing mail); before: in the window before; age: since
    when it is over the limit, None = new; ends_without_calls: it closes since nobody calls it any more."""

    api_name: str | None
    value: float | None
    p95_ms: float | None
    calls: int | None
    errors: int | None
    age: timedelta | None = None
    before: float | None = None
    detail: str = ""
    ends_without_calls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """Calls that made the alert. calls: slowest first; apps, vendors: (app_key or vender_id, calls), most first."""

    calls: tuple[CallLog, ...] = ()
    apps: tuple[tuple[str, int], ...] = ()
    vendors: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a mail is written. start, end: the judged window, aware; lasted: how long the oldest alert of the group lasts;
    event_id: of the alert that links lead to, 0 = to the list."""

    kind: Kind
    rule: AlertRule
    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    lasted: timedelta
    affected: Affected = field(default_factory=Affected)
    event_id: int = 0


def compose(occasion: Occasion, *, zone: ZoneInfo, console_url: str, language: str = "zh") -> MailText:
    """The mail; times in `zone`, to the second; links when console_url is not empty."""
    words = WORDS[language]
    tables = []
    if occasion.rule.metric not in (BLIND, NO_DATA):
        tables.append(_table(occasion, words))
    if occasion.affected.calls:
        tables.append(_slowest(occasion, words, zone))
    parts = Parts(
        subject=_subject(occasion, words),
        facts=tuple(_facts(occasion, words, zone)),
        tables=tuple(tables),
        links=tuple(_links(occasion, words, zone, console_url)),
    )
    return lay_out(parts, words)


def _subject(occasion: Occasion, words: Words) -> str:
    severity = words.severities.get(occasion.rule.severity, occasion.rule.severity)
    what = {BLIND: _what_is_blind, NO_DATA: _what_is_missing}.get(occasion.rule.metric, _what_is_slow)(occasion, words)
    lasted = words.duration(occasion.lasted)
    template = {"opened": words.opened, "reminder": words.reminder, "closed": words.closed}[occasion.kind]
    return template.format(severity=severity, what=what, lasted=lasted)


def _what_is_blind(occasion: Occasion, words: Words) -> str:
    if occasion.kind == "closed":
        return words.blind_closed
    lag = occasion.rows[0].value
    late = words.blind_late.format(lag=words.duration(timedelta(seconds=lag or 0)))
    return words.blind.format(why=words.blind_down if lag is None else late)


def _what_is_missing(occasion: Occasion, words: Words) -> str:
    row = occasion.rows[0]
    return (words.few_closed if occasion.kind == "closed" else words.few).format(
        api=words.all_calls if row.api_name is None else plain(row.api_name)[:MAX_NAME],
        window=_window(occasion, words),
        value=number(row.value),
        limit=number(occasion.rule.threshold),
    )


def _what_is_slow(occasion: Occasion, words: Words) -> str:
    metric, unit = words.metrics[occasion.rule.metric]
    worst = max(occasion.rows, key=lambda row: row.value or 0)
    is_one, is_closed = len(occasion.rows) == 1, occasion.kind == "closed"
    template = (
        (words.slow_closed_one if is_one else words.slow_closed)
        if is_closed
        else words.slow_one
        if is_one
        else words.slow
    )
    return template.format(
        count=len(occasion.rows),
        window=_window(occasion, words),
        metric=metric,
        unit=unit,
        limit=number(occasion.rule.threshold),
        worst=plain(worst.api_name)[:MAX_NAME],
        value=number(worst.value),
    )


def _window(occasion: Occasion, words: Words) -> str:
    length = words.duration(occasion.end - occasion.start)
    return length.replace(" ", "") if words.html_lang.startswith("zh") else length


def _facts(occasion: Occasion, words: Words, zone: ZoneInfo) -> list[tuple[str, str]]:
    rule = occasion.rule
    start, end = clock_time(occasion.start, zone), clock_time(occasion.end, zone)
    facts = [(words.window, words.between.format(start=start, end=end))]
    metric, unit = words.metrics.get(rule.metric, ("", ""))
    template = {BLIND: words.rule_blind, NO_DATA: words.rule_few}.get(rule.metric, words.rule_over)
    rule_text = template.format(
        name=rule.name,
        scope=words.all_apis if rule.api_name is None else plain(rule.api_name),
        metric=metric,
        limit=number(rule.threshold),
        unit=unit,
        min_calls=rule.min_calls,
    )
    facts.append((words.rule, rule_text))
    if rule.metric == BLIND:
        facts += [(words.reason, plain(row.detail)) for row in occasion.rows if row.detail]
        facts.append((words.effect, words.effect_closed if occasion.kind == "closed" else words.effect_open))
    for name, top in ((words.apps, occasion.affected.apps), (words.vendors, occasion.affected.vendors)):
        facts += [(name, ", ".join(f"{plain(who)} ({calls})" for who, calls in top[:MAX_TOP]))] if top else []
    facts.append((words.recipients, ", ".join(recipient.address for recipient in rule.recipients)))
    return facts


def _links(occasion: Occasion, words: Words, zone: ZoneInfo, console_url: str) -> list[tuple[str, str]]:
    links = [(words.runbook, occasion.rule.runbook_url)] if occasion.rule.runbook_url else []
    if not console_url:
        return links
    alert = f"{console_url}/alerts/{occasion.event_id}" if occasion.event_id else f"{console_url}/alerts"
    links.append((words.event_page, alert))
    if occasion.rule.metric != BLIND:
        window = {"from": occasion.start.astimezone(zone).isoformat(), "to": occasion.end.astimezone(zone).isoformat()}
        apis = [row.api_name for row in occasion.rows if row.api_name is not None]
        condition = {"api_name": apis[0]} if len(apis) == 1 else {}
        if occasion.rule.metric == "error_rate":
            condition["error"] = "any"
        links.append((words.log_search, f"{console_url}/logs?{urlencode({**condition, **window})}"))
    if occasion.event_id and occasion.kind != "closed":
        links.append((words.silence, f"{alert}?silence=60"))
    return links


def _table(occasion: Occasion, words: Words) -> Table:
    metric, unit = words.metrics[occasion.rule.metric]
    metric = words.worst if occasion.kind == "closed" else metric
    head = tuple(cell.format(metric=metric, unit=unit.strip()) for cell in words.table)
    return Table(head=head, rows=tuple(_cells(occasion, row, words) for row in occasion.rows))


def _cells(occasion: Occasion, row: Row, words: Words) -> tuple[str, ...]:
    errors = "-" if not row.calls or row.errors is None else f"{100 * row.errors / row.calls:.1f}%"
    calls = "-" if row.calls is None else str(row.calls)
    change = "-"
    if row.before and row.value is not None:
        ratio = row.value / row.before
        change = f"×{ratio:.0f}" if ratio >= MUCH else f"{100 * (ratio - 1):+.0f}%"
    note = words.is_new
    if row.age is not None:
        note = (words.lasted if occasion.kind == "closed" else words.lasting).format(lasted=words.duration(row.age))
    if row.ends_without_calls:
        note += words.no_calls
    limit = number(occasion.rule.threshold)
    return plain(row.api_name), number(row.value), number(row.p95_ms), calls, errors, limit, change, note


def _slowest(occasion: Occasion, words: Words, zone: ZoneInfo) -> Table:
    return Table(
        title=words.slowest,
        head=words.slowest_table,
        rows=tuple(
            (
                clock_time(datetime.fromtimestamp(call.receiveTime / 1000, zone), zone)[:19],
                plain(call.requestId),
                plain(call.apiName),
                plain(call.appkey),
                "-" if call.venderId is None else str(call.venderId),
                str(call.platformRepTime),
                plain(call.errorCode),
            )
            for call in occasion.affected.calls[:MAX_SLOWEST]
        ),
    )
