"""How a mail looks: its parts as plain text and as HTML without anything from elsewhere. Pure.

Names of APIs come from callers: in the text they lose their control characters, in HTML they are escaped.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.service.mail_words import Words

MAX_ROWS = 50
"""More rows than anybody reads in a mail; the rest is counted."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_CELL = "padding:4px 10px;border:1px solid #ccc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """title: "" = none."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a mail says, in its order: facts (name, value), tables, notes, links (name, URL)."""

    subject: str
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """One mail's words: as text, and as HTML for those who read that."""

    subject: str
    text: str
    html: str


def lay_out(parts: Parts, words: Words) -> MailText:
    """The mail of these parts."""
    return MailText(subject=parts.subject, text=_text(parts, words), html=_html(parts, words))


def plain(name: str | None) -> str:
    """A name of any origin as one line."""
    return _CONTROL.sub(" ", name or "-")


def number(value: float | None) -> str:
    """`2315`, `4100.2`; `-` for None."""
    return "-" if value is None else f"{value:.1f}".removesuffix(".0")


def clock_time(moment: datetime, zone: ZoneInfo) -> str:
    """`2026-11-22 08:00:00 +08:00`."""
    local = moment.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return f"{local[:19]} {local[19:]}"


def _text(parts: Parts, words: Words) -> str:
    lines = [parts.subject, "", *(f"{name}{words.colon}{value}" for name, value in parts.facts)]
    for table in parts.tables:
        lines += ["", *([f"{table.title}{words.colon.rstrip()}"] if table.title else [])]
        lines += [" | ".join(table.head), *(" | ".join(row) for row in table.rows[:MAX_ROWS])]
        lines += _more(table, words)
    if parts.notes:
        lines += ["", *parts.notes]
    if parts.links:
        lines += ["", *(f"{name}{words.colon}{url}" for name, url in parts.links)]
    return "\n".join([*lines, "", words.footer, ""])


def _html(parts: Parts, words: Words) -> str:
    pieces = [f'<h2 style="font-size:16px">{html.escape(parts.subject)}</h2>']
    pieces += [f"<p>{html.escape(name)}{words.colon}{html.escape(value)}</p>" for name, value in parts.facts]
    for table in parts.tables:
        pieces += [f'<h3 style="font-size:14px">{html.escape(table.title)}</h3>'] if table.title else []
        head = _cells("th", table.head, f"{_CELL};text-align:left")
        body = "".join(f"<tr>{_cells('td', row, _CELL)}</tr>" for row in table.rows[:MAX_ROWS])
        pieces.append(f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}</table>')
        pieces += [f"<p>{line}</p>" for line in _more(table, words)]
    pieces += [f"<p>{html.escape(note)}</p>" for note in parts.notes]
    pieces += [f'<p><a href="{html.escape(url)}">{html.escape(name)}</a></p>' for name, url in parts.links]
    pieces.append(f'<p style="color:#666">{html.escape(words.footer)}</p>')
    style = "font-family:sans-serif"
    return f'<!doctype html><html lang="{words.html_lang}"><body style="{style}">{"".join(pieces)}</body></html>'


def _cells(tag: str, cells: Sequence[str], style: str) -> str:
    return "".join(f'<{tag} style="{style}">{html.escape(cell)}</{tag}>' for cell in cells)


def _more(table: Table, words: Words) -> list[str]:
    hidden = len(table.rows) - MAX_ROWS
    return [words.more.format(count=hidden)] if hidden > 0 else []
