"""What operators send about alerts, and what they are shown. Times are in the platform's zone, as the monitor writes them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from admin_api.tables.listing import Listing
from admin_api.tables.shapes import UNSET, Body, BodyId, Edit, Flag, Line50, Line100, Moment, Note500, Search
from openplatform.records import MAIL_ADDRESS

Metric = Literal["mean_ms", "p95_ms", "error_rate", "no_data", "blind", "quota"]
NewMetric = Literal["mean_ms", "p95_ms", "error_rate", "no_data"]
Severity = Literal["critical", "warning"]
AlertState = Literal["pending", "alerting", "no_data", "blind", "normal"]
MailState = Literal["waiting", "sending", "sent", "bad", "held", "digested"]
Ask = Literal["all", "open", "pending", "alerting", "closed"]


def _address(text: str) -> str:
    if not MAIL_ADDRESS.fullmatch(text):
        raise ValueError("must be a mail address like ops@example.com")
    return text


def _url(text: str) -> str:
    if text and (not text.startswith(("https://", "http://")) or any(c in text for c in " \t\n<>\"'")):
        raise ValueError("must be an http(s) URL")
    return text


class Recipient(Body):
    """Who gets a rule's mails, and in which language."""

    address: Annotated[str, Field(max_length=254), AfterValidator(_address)]
    language: Literal["zh", "en"] = "zh"


Recipients = Annotated[list[Recipient], Field(min_length=1, max_length=20)]
Threshold = Annotated[
    float, Field(strict=True, ge=0, le=1e9, description="ms, percent (error_rate), calls (no_data), s (blind)")
]
WindowS = Annotated[int, Field(strict=True, ge=10, le=3600, description="seconds that each evaluation looks back")]
MinCalls = Annotated[int, Field(strict=True, ge=1, le=10**9, description="an API with fewer calls is not judged")]
Pending = Annotated[int, Field(strict=True, ge=0, le=60, description="windows over the limit before it is an alert")]
RunbookUrl = Annotated[Note500, AfterValidator(_url)]
Days = Annotated[
    list[Annotated[int, Field(strict=True, ge=1, le=7)]],
    Field(max_length=7, description="days on which mails are written, 1 = Monday … 7 = Sunday; none = every day"),
]
ClockTime = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    Field(
        description="HH:MM in the platform's zone; both null = all day; an end before the beginning is on the next day"
    ),
]

Reason = Annotated[Note500, StringConstraints(min_length=1)]


class RuleDraft(Body):
    """A new rule. api_name: null = all APIs that have no rule of their own for the metric."""

    name: Line50
    api_name: Line100 | None = None
    metric: NewMetric
    threshold: Threshold
    window_s: WindowS = 300
    min_calls: MinCalls = 1
    pending_windows: Pending = 0
    severity: Severity = "critical"
    recipients: Recipients
    runbook_url: RunbookUrl = ""
    enabled: Flag = True
    active_days: Days = []
    active_from: ClockTime | None = None
    active_to: ClockTime | None = None


class RuleEdit(Edit):
    """A change of a rule; its metric stays what it is."""

    name: Line50 = UNSET
    api_name: Line100 | None = UNSET
    threshold: Threshold = UNSET
    window_s: WindowS = UNSET
    min_calls: MinCalls = UNSET
    pending_windows: Pending = UNSET
    severity: Severity = UNSET
    recipients: Recipients = UNSET
    runbook_url: RunbookUrl = UNSET
    enabled: Flag = UNSET
    active_days: Days = UNSET
    active_from: ClockTime | None = UNSET
    active_to: ClockTime | None = UNSET


class RuleView(BaseModel):
    """built_in: the monitor's own, can be edited and switched off but not deleted; in_hours: whether it writes mails at this hour;
    hours_begin: when it does next, null while it does."""

    id: int
    name: str
    api_name: str | None
    metric: Metric
    threshold: float
    window_s: int
    min_calls: int
    pending_windows: int
    severity: str
    recipients: list[Recipient]
    runbook_url: str
    enabled: bool
    active_days: list[int] = []  # defaults: what a monitor that knows no hours yet leaves out during an update
    active_from: str | None = None
    active_to: str | None = None
    in_hours: bool = True
    hours_begin: datetime | None = None
    built_in: bool
    version: int
    create_time: datetime
    update_time: datetime
    updated_by: str


class RuleListing(Listing):
    """q: in the name or the API's name."""

    q: Search | None = None
    metric: Metric | None = None
    enabled: bool | None = None


class MailView(BaseModel):
    """state: waiting (next_at: when it is tried), sending, sent, bad (refused for good), held (over the hour's cap), digested (told
    in a digest); text: its plain text, only where one alert is shown."""

    id: int
    rule_id: int
    kind: str
    recipient: str
    language: str
    subject: str
    state: MailState
    attempts: int
    next_at: datetime | None
    last_error: str
    create_time: datetime
    sent_at: datetime | None
    message_id: str
    thread_id: str
    text: str | None = None


class AlertView(BaseModel):
    """value, peak, threshold: in the metric's unit; opened_at … closed_at: ends of windows; notified_at: null = nobody was told;
    samples: (time, value) of each window, oldest first; mails: number by state; in_hours: false = its rule
    writes no mails at this hour, and tells of it when its hours begin (hours_begin; else null)."""

    id: int
    rule_id: int
    rule_name: str
    metric: str
    severity: str
    window_s: int
    state: AlertState
    api_name: str | None
    app_key: str | None
    value: float | None
    peak: float | None
    threshold: float | None
    calls: int | None
    errors: int | None
    p95_ms: float | None
    detail: str
    opened_at: datetime
    seen_at: datetime
    notified_at: datetime | None
    closed_at: datetime | None
    acked_at: datetime | None
    acked_by: str
    ack_note: str
    silenced_until: datetime | None
    in_hours: bool = True
    hours_begin: datetime | None = None
    samples: list[tuple[datetime, float]]
    mails: dict[str, int]


class AlertDetail(AlertView):
    """One alert with its mails, newest first."""

    outbox: list[MailView]


class AlertListing(Listing):
    """state: open = pending and alerting; q: in the API's name or the app_key."""

    state: Ask = "all"
    rule_id: Annotated[int, Field(ge=1, le=2**62)] | None = None
    q: Search | None = None


class Ack(Body):
    """That somebody looks after an alert."""

    note: Note500 = ""


class SilenceDraft(Body):
    """No mails until then: about an API (or app_key), of a rule, or both; at most 31 days."""

    until: Moment
    reason: Reason
    rule_id: BodyId | None = None
    api_name: Line100 | None = None

    @model_validator(mode="after")
    def _has_an_aim(self) -> Self:
        if self.rule_id is None and self.api_name is None:
            raise ValueError("rule_id or api_name must be given")
        return self


class SilenceView(BaseModel):
    """ended_at: taken back before its time."""

    id: int
    rule_id: int | None
    rule_name: str
    api_name: str | None
    until: datetime
    reason: str
    created_by: str
    create_time: datetime
    ended_at: datetime | None
    ended_by: str
    in_force: bool


class SilenceListing(Listing):
    """state: in_force = neither over nor taken back."""

    state: Literal["all", "in_force"] = "all"


class MailListing(Listing):
    """Newest first."""

    state: Literal["all", "waiting", "sending", "sent", "bad", "held", "digested"] = "all"


def plain(values: BaseModel) -> dict[str, Any]:
    """What was sent, as JSON's kinds."""
    return values.model_dump(mode="json", exclude_unset=True)
