"""How values are written: times in the platform's zone, money from fen, grouped numbers; escaped, as Jinja filters."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

_HOUR_S, _DAY_S = 3600, 86_400
NOTHING = "—"
"""What stands where there is no value."""


def number(value: float | None, digits: int = 0) -> str:
    """1234567 → 1,234,567."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def money(fen: int | None) -> str:
    """Fen as yuan: 123456 → ¥1,234.56; -5 → -¥0.05."""
    if fen is None:
        return NOTHING
    sign = "-" if fen < 0 else ""
    return f"{sign}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def percent(share: float | None, digits: int = 1) -> str:
    """0.1234 → 12.3 %."""
    return NOTHING if share is None else f"{share * 100:.{digits}f} %"


def milliseconds(value: float | None) -> str:
    """12.345 → 12.3 ms; from 100 on without fractions."""
    if value is None:
        return NOTHING
    return f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"


def size(count: int | None) -> str:
    """Bytes in the unit that fits: 1536 → 1.5 KiB."""
    if count is None:
        return NOTHING
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:,.0f} B" if unit == "B" else f"{amount:,.1f} {unit}"


@lru_cache(maxsize=10_000)
def _in_words(gone_s: int, locale: str) -> str:
    """Most moments of a list are equally long ago, and Babel looks its words up anew for each."""
    return format_timedelta(timedelta(seconds=gone_s), add_direction=True, locale=locale)


class Times:
    """Moments in the reader's zone, which is the platform's unless they chose another, their distance in the reader's language."""

    def __init__(self, zone: ZoneInfo, locale: str, now: Callable[[], float]) -> None:
        self._zone = zone
        self._locale = locale
        self._now = now

    def in_zone(self, name: str | None) -> "Times":
        """The same for a reader who chose this zone; None = did not."""
        return self if name is None else Times(ZoneInfo(name), self._locale, self._now)

    def moment(self, value: datetime | int | None) -> Markup:
        """`2026-11-22 08:00:01 +08:00`, hovering tells how long ago and UTC. value: aware, or epoch milliseconds."""
        if value is None:
            return escape(NOTHING)
        at = datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) else value
        here = at.astimezone(self._zone)
        offset = here.isoformat(timespec="seconds")[-6:]
        utc = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # Nothing here comes from outside. A list has hundreds of moments: Markup.format alone takes longer than all of this.
        return Markup(  # noqa: S704
            f'<time datetime="{utc}" title="{self.distance(at)} · {utc}">{here:%Y-%m-%d %H:%M:%S} '
            f'<small class="text-secondary">{offset}</small></time>'
        )

    def distance(self, at: datetime) -> str:
        """`3 minutes ago`."""
        gone_s = round(at.timestamp() - self._now())
        step_s = 1 if abs(gone_s) < _HOUR_S else 60 if abs(gone_s) < 2 * _DAY_S else _HOUR_S
        return _in_words(round(gone_s / step_s) * step_s, self._locale)

    def local_input(self, value: datetime) -> str:
        """For `<input type=datetime-local step=1>`, in that zone."""
        return value.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M:%S")


def filters(times: Times) -> dict[str, Callable[..., Any]]:
    """Name → filter for templates, which know their reader as `view`."""

    def of(context: Context) -> Times:
        return times.in_zone(context["view"].preferences.time_zone)

    @pass_context
    def moment(context: Context, value: datetime | int | None) -> Markup:
        return of(context).moment(value)

    @pass_context
    def local_input(context: Context, value: datetime) -> str:
        return of(context).local_input(value)

    return {
        "number": number, "money": money, "percent": percent, "ms": milliseconds, "size": size,
        "moment": moment, "local_input": local_input, "distance": times.distance,
    }  # fmt: skip
