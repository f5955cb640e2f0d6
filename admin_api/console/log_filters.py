"""The state of the log and statistics pages out of their URL: a window of time, conditions, an order; and links that change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from admin_api.analytics.service.conditions import MAX_RANGE_MS, LogConditions
from admin_api.console.catalogues import N_
from admin_api.console.forms import FormProblem
from admin_api.console.views import View
from admin_api.security.problems import Problem

A = TypeVar("A", bound=LogConditions)

PRESETS = {
    "15m": N_("15 min"),
    "1h": N_("1 h"),
    "today": N_("Today"),
    "yesterday": N_("Yesterday"),
    "7d": N_("7 days"),
}
DEFAULT_PRESET = "today"
CONDITIONS = {
    "q": N_("Keywords"),
    "app": N_("App name"),
    "app_key": N_("app_key"),
    "api_name": N_("API"),
    "error": N_("Error code"),
    "vender_id": N_("Merchant"),
    "remote_ip": N_("Address"),
    "request_id": N_("Request id"),
    "min_ms": N_("At least ms"),
    "max_ms": N_("At most ms"),
}
_RARE = frozenset({"app_key", "vender_id", "remote_ip", "request_id", "min_ms", "max_ms"})
MAX_RANGE = timedelta(milliseconds=MAX_RANGE_MS)
_FALL_BACK = frozenset({"sort", "size", "cursor", "by"})


@dataclass(frozen=True)
class LogFilters(Generic[A]):
    """asked: None while problem says what is wrong; preset: "" = a window of the reader's own; given: what the URL says."""

    path: str
    asked: A | None
    problem: Problem | None
    start: datetime
    end: datetime
    preset: str
    given: Mapping[str, Any]

    def value(self, name: str) -> str:
        """What the URL says of it, "" = nothing."""
        value = self.given.get(name, "")
        return ", ".join(value) if isinstance(value, list) else str(value)

    @property
    def conditions(self) -> list[tuple[str, str, str]]:
        """(name, label, value) of what narrows the window."""
        return [(name, label, self.value(name)) for name, label in CONDITIONS.items() if name in self.given]

    @property
    def shows_rare(self) -> bool:
        """Whether one of the conditions that few ask for is in force."""
        return not self.given.keys().isdisjoint(_RARE)

    @property
    def sort(self) -> str:
        return str(getattr(self.asked, "sort", ""))

    def url(self, **changes: Any) -> str:
        """This page with other parameters; None = without. Any change but that of the cursor begins at the first page."""
        params = self._window() | {name: value for name, value in self.given.items() if name != "cursor"}
        if "range" in changes:
            params = {name: value for name, value in params.items() if name not in ("from", "to")}
        return _link(self.path, params | changes)

    def part_url(self, path: str, **changes: Any) -> str:
        """The same calls at another path: the window as it is now, so that all parts of a page show the same."""
        window = {"range": None, "from": self.start.isoformat(), "to": self.end.isoformat()}
        return _link(path, dict(self.given) | window | changes)

    def export_url(self, path: str, **changes: Any) -> str:
        """The same for the JSON API, which knows neither pages nor presets."""
        return self.part_url(path, **{"size": None, "cursor": None} | changes)

    def sorted_by(self, column: str) -> str:
        """For aria-sort."""
        if self.sort.removeprefix("-") != column:
            return "none"
        return "descending" if self.sort.startswith("-") else "ascending"

    def sort_url(self, column: str) -> str:
        """Sorted by the column, falling; by another click rising."""
        return self.url(sort=column if self.sort == f"-{column}" else f"-{column}")

    def moved(self, share: float) -> str:
        """The window moved by a share of its length."""
        by = (self.end - self.start) * share
        return self.url(**{"range": None, "from": (self.start + by).isoformat(), "to": (self.end + by).isoformat()})

    def _window(self) -> dict[str, Any]:
        if self.preset:
            return {} if self.preset == DEFAULT_PRESET else {"range": self.preset}
        return {"from": self.start.isoformat(), "to": self.end.isoformat()}


def read_filters(
    model: type[A], path: str, query: QueryParams, *, zone: ZoneInfo, now: float, **defaults: Any
) -> LogFilters[A]:
    """The state of a page. Order and size that make no sense fall back; a condition that makes none is the page's problem.

    zone: in which times without an offset are meant, and days begin; now: seconds since the epoch.
    """
    given: dict[str, Any] = {
        name: query[name].strip() for name in (*CONDITIONS, *_FALL_BACK) if query.get(name, "").strip()
    }
    start, end, preset = _window_of(query, zone, now)
    if not timedelta() < end - start <= MAX_RANGE:
        problem = Problem(
            422, "invalid", "the end must be after the beginning, by at most 31 days", "结束时间须晚于开始时间，且不超过 31 天"
        )  # fmt: skip
        return LogFilters(path, None, problem, start, end, preset, given)
    wanted = {**defaults, **given, "from": start, "to": end}
    if "app_key" in given:
        several = ",".join(query.getlist("app_key")).split(",")
        wanted["app_key"] = given["app_key"] = [key.strip() for key in several if key.strip()]
    names = {field.alias or name for name, field in model.model_fields.items()}
    wanted = {name: value for name, value in wanted.items() if name in names}
    while True:
        try:
            return LogFilters(path, model.model_validate(wanted), None, start, end, preset, given)
        except ValidationError as error:
            wrong = {str(found["loc"][0]) for found in error.errors()} & _FALL_BACK
            if not wrong:
                return LogFilters(path, None, FormProblem(error), start, end, preset, given)
            given = {name: value for name, value in given.items() if name not in wrong}
            wanted = {name: value for name, value in wanted.items() if name not in wrong}


def labels_of(view: View) -> dict[str, str]:
    """What the page calls each condition, in the reader's language."""
    return {name: view.say(label) for name, label in CONDITIONS.items()}


def zone_of(view: View, platform: ZoneInfo) -> ZoneInfo:
    """The zone in which the reader reads and writes times."""
    return ZoneInfo(view.preferences.time_zone) if view.preferences.time_zone else platform


def _window_of(query: QueryParams, zone: ZoneInfo, now: float) -> tuple[datetime, datetime, str]:
    start, end = _moment(query.get("from", ""), zone), _moment(query.get("to", ""), zone)
    if start is not None and end is not None:
        return start, end, ""
    preset = query.get("range", "")
    if preset not in PRESETS:
        preset = DEFAULT_PRESET
    moment = datetime.fromtimestamp(int(now) + 1, zone)  # the second that has begun belongs to it
    midnight = moment.replace(hour=0, minute=0, second=0)
    match preset:
        case "15m":
            return moment - timedelta(minutes=15), moment, preset
        case "1h":
            return moment - timedelta(hours=1), moment, preset
        case "yesterday":
            return (midnight - timedelta(hours=1)).replace(hour=0), midnight, preset
        case "7d":
            return moment - timedelta(days=7), moment, preset
    return midnight, moment, preset


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """Of ISO 8601, or what `<input type=datetime-local>` sends; None when it is neither."""
    try:
        found = datetime.fromisoformat(text.replace(" ", "+") if " " in text[11:] else text)
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(zone)
    except (ValueError, OverflowError):
        return None


def _link(path: str, params: Mapping[str, Any]) -> str:
    query = urlencode({name: value for name, value in params.items() if value not in (None, "")}, doseq=True)
    return f"{path}?{query}" if query else path
