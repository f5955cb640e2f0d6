"""What other services may send: JSON objects, checked. A wrong one is a 400 that names the field."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from monitor.service.judgement import BLIND, METRICS, QUOTA
from openplatform.records import MAIL_ADDRESS
from openplatform.web import invalid, missing

T = TypeVar("T")
_FIELD = re.compile(r"`\$\.?([a-z_]*)")
_MISSING = re.compile(r"missing required field `([a-z_]+)`")
Line = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
By = Annotated[str, Meta(min_length=1, max_length=100)]
Note = Annotated[str, Meta(max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Days = Annotated[list[Annotated[int, Meta(ge=1, le=7)]], Meta(max_length=7)]
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5)]
Language = Literal["zh", "en"]


class RecipientBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who gets a rule's mails."""

    address: str
    language: Language = "zh"


class RuleBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new rule. by: the operator's e-mail."""

    by: By
    name: Line
    api_name: Name | None = None
    metric: Literal["mean_ms", "p95_ms", "error_rate", "no_data"]
    threshold: Annotated[float, Meta(ge=0, le=1e9)]
    window_s: Annotated[int, Meta(ge=10, le=3600)] = 300
    min_calls: Annotated[int, Meta(ge=1, le=10**9)] = 1
    pending_windows: Annotated[int, Meta(ge=0, le=60)] = 0
    severity: Literal["critical", "warning"] = "critical"
    recipients: Annotated[list[RecipientBody], Meta(min_length=1, max_length=20)]
    runbook_url: Note = ""
    enabled: bool = True
    active_days: Days = []
    active_from: ClockTime | None = None
    active_to: ClockTime | None = None


class RuleEdit(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields to change of a rule that is at this version; metric stays what it is."""

    by: By
    version: int
    name: Line | msgspec.UnsetType = msgspec.UNSET
    api_name: Name | msgspec.UnsetType | None = msgspec.UNSET
    threshold: Annotated[float, Meta(ge=0, le=1e9)] | msgspec.UnsetType = msgspec.UNSET
    window_s: Annotated[int, Meta(ge=10, le=3600)] | msgspec.UnsetType = msgspec.UNSET
    min_calls: Annotated[int, Meta(ge=0, le=10**9)] | msgspec.UnsetType = msgspec.UNSET
    pending_windows: Annotated[int, Meta(ge=0, le=60)] | msgspec.UnsetType = msgspec.UNSET
    severity: Literal["critical", "warning"] | msgspec.UnsetType = msgspec.UNSET
    recipients: Annotated[list[RecipientBody], Meta(min_length=1, max_length=20)] | msgspec.UnsetType = msgspec.UNSET
    runbook_url: Note | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    active_days: Days | msgspec.UnsetType = msgspec.UNSET
    active_from: ClockTime | msgspec.UnsetType | None = msgspec.UNSET
    active_to: ClockTime | msgspec.UnsetType | None = msgspec.UNSET


class Removal(msgspec.Struct, forbid_unknown_fields=True):
    """The version that the removal started from."""

    by: By
    version: int


class AckBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who looks after an alert, and what they say."""

    by: By
    note: Note = ""


class SilenceBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """until: aware; rule_id, api_name: None = any, but not both."""

    by: By
    until: Annotated[datetime, Meta(tz=True)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    rule_id: int | None = None
    api_name: Name | None = None


class Actor(msgspec.Struct, forbid_unknown_fields=True):
    """Who does it."""

    by: By


async def body_of(request: Request, shape: type[T]) -> T:
    """The request's body in this shape. Raises a 400 ServiceRejected that names the field."""
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except msgspec.ValidationError as error:
        if lacks := _MISSING.search(str(error)):
            raise missing(lacks[1]) from error
        field = _FIELD.search(str(error))
        raise invalid((field[1] if field else "") or "body", f"is wrong: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("body", f"is no JSON: {error}") from error


def checked_rule(metric: str, api_name: str | None, values: dict[str, Any]) -> dict[str, Any]:
    """What more than one field decides. Raises a 400 ServiceRejected."""
    if api_name is not None and metric in (BLIND, QUOTA):
        raise invalid("api_name", "must not be set: this rule watches no API")
    threshold = values.get("threshold")
    if threshold is not None and metric == "error_rate" and threshold > 100:
        raise invalid("threshold", "is percent: at most 100")
    if threshold is not None and threshold <= 0 and metric not in METRICS:
        raise invalid("threshold", "must be more than 0")
    for recipient in values.get("recipients", ()):
        if not MAIL_ADDRESS.fullmatch(recipient["address"]):
            raise invalid("recipients", f"holds {recipient['address'][:60]!r}, which is no mail address")
    url = values.get("runbook_url")
    if url and not re.fullmatch(r"https?://[^\s<>\"'\x00-\x1f]+", url):
        raise invalid("runbook_url", "must be an http(s) URL")
    return values


def checked_hours(active_from: str | None, active_to: str | None) -> None:
    """Both times of a span or none. Raises a 400 ServiceRejected."""
    if active_from == active_to is not None:
        raise invalid("active_to", "must differ from active_from; leave both empty for the whole day")
    for one, other, name in ((active_from, active_to, "active_to"), (active_to, active_from, "active_from")):
        if one is not None and other is None:
            raise invalid(name, "is missing: the hours have a beginning and an end, or neither for the whole day")
