"""Limits and money: what a call asks admission for, and what it costs."""

from typing import Any, Literal

from openplatform.records.record import Record

Rule = Literal[
    "", "day", "minute", "api-second", "api-minute", "api-day", "app-api-day", "app-api-minute", "balance"
]  # fmt: skip
"""What refused a call: a limit of its app, of its API over all apps, of this app at this API, or its customer's balance."""


class Charge(Record, frozen=True, kw_only=True):
    """One call that was answered and has its price: on its way from a gateway to the ledger. at_ms: epoch ms of the answer."""

    request_id: str
    customer_id: int
    price_fen: int
    app_key: str
    api_name: str
    at_ms: int


class QuotaRequest(Record, frozen=True, kw_only=True):
    """The rules that calls of one app to one API ask admission by; calls may share it. A limit of None is not checked. memo: what a
    store keeps with it.

    daily_limit, minute_limit: the app's; api_*: the API's over all apps; grant_*: this app's at this API. A day is one of the
    platform's zone, a minute any 60 s, a second one of the clock's. Calls are counted for an API, or for an app at an API, only
    while it has a limit of that kind: a limit that is set at noon counts from noon.
    """

    app_key: str
    api_name: str
    daily_limit: int | None
    minute_limit: int | None
    api_second_limit: int | None = None
    api_minute_limit: int | None = None
    api_daily_limit: int | None = None
    grant_daily_limit: int | None = None
    grant_minute_limit: int | None = None
    memo: Any = None

    @property
    def counts_api(self) -> bool:
        """Whether the API is limited over all apps."""
        return (
            self.api_second_limit is not None or self.api_minute_limit is not None or self.api_daily_limit is not None
        )

    @property
    def counts_grant(self) -> bool:
        """Whether this app is limited at this API."""
        return self.grant_daily_limit is not None or self.grant_minute_limit is not None


class Reservation(Record, frozen=True, kw_only=True):
    """The price of one call, to be set aside from its customer's balance in the step that admits it.

    hold_s: seconds after which it is given back if the call was neither settled nor released, by the store's clock.
    """

    customer_id: int
    price_fen: int
    request_id: str
    hold_s: int


class BalanceState(Record, frozen=True, kw_only=True):
    """A customer's balance as the store of reservations has it, at one moment; for checks and repairs.

    money_fen: what SQL said last; seq: the newest ledger row in it; pending_fen: what is set aside, as it was added up;
    reserved_fen: the same, from the reservations one by one; settled: (request id, price) of those that wait to be booked.
    """

    customer_id: int
    money_fen: int
    seq: int
    pending_fen: int
    reserved_fen: int
    settled: tuple[tuple[str, int], ...]


class QuotaVerdict(Record, frozen=True, kw_only=True):
    """The answer to a QuotaRequest.

    admitted: True = one call was counted, everywhere; rule: what refused, "" when admitted; retry_after_s: seconds until that
    limit lets a call through again, ≥ 1 when a limit refused, 0 for the balance; *_used: the app's calls counted in the day / the
    last 60 s, this one included; day_reset_s: seconds until the app's day starts again.
    """

    admitted: bool
    rule: Rule = ""
    retry_after_s: int = 0
    day_used: int = 0
    minute_used: int = 0
    day_reset_s: int = 0


class QuotaUse(Record, frozen=True, kw_only=True):
    """An app's use right now, for people: read without counting a call."""

    day_used: int
    minute_used: int
    day_reset_s: int


class CounterState(Record, frozen=True, kw_only=True):
    """What one admission counter had counted at a moment. name: app_key, API name, or `app_key:API name`.

    day: yyyymmdd in the platform's zone; last_s: the newest second that it counted in, epoch; minute_used: the last 61 s before.
    """

    kind: Literal["app", "api", "app-api"]
    name: str
    day: str
    day_used: int
    last_s: int
    minute_used: int


class CounterStates(Record, frozen=True, kw_only=True):
    """Counters that were read together. taken_at_s: the store's clock, epoch s: ask for what changed since then next time."""

    taken_at_s: int
    states: tuple[CounterState, ...]


class AppUse(Record, frozen=True, kw_only=True):
    """How much of its day an app has used. day: yyyymmdd in the platform's zone; daily_limit: calls, 0 = none allowed."""

    app_key: str
    app_name: str
    day: str
    day_used: int
    daily_limit: int


class AppUses(Record, frozen=True, kw_only=True):
    """Uses that were read together. taken_at_s: the store's clock, epoch s: ask for what moved since then next time."""

    taken_at_s: int
    uses: tuple[AppUse, ...]
