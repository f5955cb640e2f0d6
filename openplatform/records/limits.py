"""Limits and money: what a call asks admission for, and what it costs."""

from typing import Literal

from openplatform.records.record import Record


class Charge(Record, frozen=True, kw_only=True):
    """One call that was answered and has its price: on its way from a gateway to the ledger. at_ms: epoch ms of the answer."""

    request_id: str
    customer_id: int
    price_fen: int
    app_key: str
    api_name: str
    at_ms: int


class QuotaRequest(Record, frozen=True, kw_only=True):
    """One call that asks for admission. A limit of None is not checked."""

    app_key: str
    api_name: str
    daily_limit: int | None
    minute_limit: int | None


class QuotaVerdict(Record, frozen=True, kw_only=True):
    """The answer to a QuotaRequest.

    admitted: True = one call was counted, everywhere; rule: the limit that refused, "" when admitted; retry_after_s: seconds
    until that limit lets a call through again, ≥ 1 when refused; *_used: calls counted in the day / the last 60 s, this one
    included; day_reset_s: seconds until the day's counter starts again.
    """

    admitted: bool
    rule: Literal["", "day", "minute"] = ""
    retry_after_s: int = 0
    day_used: int = 0
    minute_used: int = 0
    day_reset_s: int = 0


class QuotaUse(Record, frozen=True, kw_only=True):
    """An app's use right now, for people: read without counting a call."""

    day_used: int
    minute_used: int
    day_reset_s: int
