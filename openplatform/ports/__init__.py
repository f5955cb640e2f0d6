"""The roles that stores and other technology play for the platform. Adapters in openplatform/adapters/ play them.

Every method may raise PlatformUnavailable (the store cannot be reached or did not answer in its time budget) and nothing of a
driver's own; each adapter bounds its waits itself. Roles that write documents may raise StoreRejected.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Protocol

from openplatform.ports.call_log_store import CallLogStore as CallLogStore
from openplatform.ports.dead_letters import DeadLetters as DeadLetters
from openplatform.records import (
    AccessToken,
    BalanceState,
    CacheFind,
    CatalogUpdate,
    ConfigChange,
    ConfigKind,
    CounterState,
    CounterStates,
    Instance,
    Mail,
    ProcessReport,
    QuotaRequest,
    QuotaUse,
    QuotaVerdict,
    Reservation,
    TokenHash,
)  # fmt: skip


class Clock(Protocol):
    """Time; replaced by a hand-turned one in tests."""

    def now(self) -> float:
        """Seconds since the epoch, wall clock."""

    def monotonic(self) -> float:
        """Seconds that only grow; for durations and deadlines."""


class StoreTime(Protocol):
    """The one clock of all processes: the shared store's."""

    async def now(self) -> float:
        """Seconds since the epoch as the store has them. Raises PlatformUnavailable."""


class CatalogReader(Protocol):
    """The gateway's side of the configuration."""

    async def fetch(self, *, epoch: str | None, version: int) -> CatalogUpdate | None:
        """What changed after (epoch, version); everything when the epoch differs; None when nothing is newer.

        Raises PlatformUnavailable also while the catalogue is empty and unmarked (a Redis that lost its data).
        """

    def announcements(self) -> AsyncIterator[None]:
        """Yields once whenever something changed, and once after every (re)connection; ends only when cancelled."""


class CatalogWriter(Protocol):
    """admin_api's side of the configuration."""

    async def publish(self, changes: Sequence[ConfigChange]) -> None:
        """Applies the changes in order, each only if its version is newer than the stored one, and announces them."""

    async def replace(self, changes: Sequence[ConfigChange]) -> None:
        """Writes everything anew (entries that are not named are removed) and marks the catalogue as complete."""

    async def is_complete(self) -> bool:
        """False when the catalogue was never written or its store lost its data."""

    async def version(self) -> int:
        """The number of the newest change that gateways can read; 0 = none."""

    async def version_of(self, kind: ConfigKind, key: str) -> int:
        """The number of the newest change of one app, route or parameter: a gateway whose version is that or more has it; 0 = never
        changed, or removed long ago."""


class SessionStore(Protocol):
    """Sessions by the hash of their token. They are written through CatalogWriter (kind `session`)."""

    async def find(self, token_hash: TokenHash) -> AccessToken | None:
        """The session, or None when it is unknown or revoked."""


class QuotaCounter(Protocol):
    """Limits and prepaid balances, exact over any number of processes, and today's ranking in the same step."""

    def admit(self, request: QuotaRequest, reservation: Reservation | None = None) -> Awaitable[QuotaVerdict]:
        """Decides, counts and reserves atomically: nothing is spent unless every rule passes and the balance has the price.

        Never repeated after a lost answer: it may under-admit, never over-admit. Raises PlatformUnavailable also for a
        reservation whose customer's balance the store does not know.
        """

    async def used(self, app_keys: Sequence[str]) -> Sequence[QuotaUse]:
        """Each app's use now, in the order asked."""

    async def used_at(self, grants: Sequence[tuple[str, str]]) -> Sequence[QuotaUse]:
        """By (app_key, API name): the app's use of the API now, in the order asked; counted for grants with limits of their own only."""

    async def used_of(self, api_names: Sequence[str]) -> Sequence[QuotaUse]:
        """Each API's use over all apps now, in the order asked; counted for APIs with limits of their own only."""

    async def reset_day(self, app_key: str) -> int:
        """Begins the app's count of today again at 0 and returns what it was; its minute and its grants' counts stay."""


class UsedSignatures(Protocol):
    """Signatures that came once, of APIs that take each once; the same over any number of processes."""

    async def claim(self, app_key: str, sign: str, *, by: str, keep_s: int) -> bool:
        """Marks the app's signature (upper-case hex) as used for keep_s seconds; False when it is already. by: who, a request id.

        After PlatformUnavailable the mark may have been made: give it back.
        """

    async def give_back(self, app_key: str, sign: str, *, by: str) -> None:
        """Takes the mark away if it is this request's own."""


class Balances(Protocol):
    """What customers can spend: money (as SQL has it) − pending (prices of calls that are under way or not booked yet).

    A reservation is made by QuotaCounter.admit. Every step may be repeated: what is done already changes nothing.
    """

    async def settle(self, customer_id: int, request_ids: Sequence[str]) -> int:
        """The calls were answered: their prices stay set aside until they are booked, and expire no more; how many were."""

    async def release(self, customer_id: int, request_ids: Sequence[str]) -> int:
        """The calls are not charged: their prices can be spent again; how many were given back. A settled one stays."""

    async def book(self, customer_id: int, *, money_fen: int, seq: int, request_ids: Sequence[str] = ()) -> bool:
        """What SQL says after it has booked these calls (or a recharge): takes the money over and forgets their reservations.

        seq: id of the newest ledger row that money_fen holds; an older one than is known changes no money. False = the store
        does not know this balance (it lost its data): it stays unknown until `put`.
        """

    async def put(self, customer_id: int, *, money_fen: int, seq: int) -> None:
        """The same, and makes the balance known if it is not: for a new customer, or when no charge is on its way any more."""

    async def expire(self, limit: int = 1000) -> Sequence[tuple[int, str]]:
        """Gives back reservations whose time is over, at most so many: (customer_id, request_id) of those that were."""

    async def spendable(self, customer_ids: Sequence[int]) -> Sequence[int | None]:
        """Each customer's money − pending, fen, in the order asked; None = the store does not know it."""

    async def states(self, customer_ids: Sequence[int]) -> Sequence[BalanceState | None]:
        """All that the store knows of each, in the order asked; None = nothing."""


class QuotaSnapshot(Protocol):
    """The admission counters as a whole, kept safe outside the store that counts. While they are not complete nothing is admitted
    there: gateways do as if the store were down."""

    async def is_complete(self) -> bool:
        """False when the store is new, lost its data, or started again with older data."""

    async def changed(self, since_s: int) -> CounterStates:
        """The counters that counted since then (the last snapshot's taken_at_s, 0 = all of two days), and perhaps some more."""

    async def restore(self, states: Sequence[CounterState]) -> None:
        """Puts back what was kept, where the store has not counted more itself, and marks the counters as complete."""


class ResponseCache(Protocol):
    """Answers of services by the hash of what was asked, shared by all gateway processes."""

    async def look(self, key: str, *, by: str, stale_s: int, hold_ms: int) -> CacheFind:
        """The kept answer. When there is none that is fresh, one of those who look is told to ask the service: nobody else is for
        hold_ms, or until it keeps or leaves. stale_s: how long answers are kept past their time; by: who, a request id."""

    async def keep(self, key: str, body: bytes, *, by: str, ttl_s: int, stale_s: int) -> None:
        """Keeps an answer, fresh for ttl_s and another stale_s after it; whoever was told to ask is done."""

    async def leave(self, key: str, *, by: str) -> None:
        """Whoever was told to ask got no answer that can be kept: somebody else may ask."""


class ApiRanking(Protocol):
    """Accepted calls per API and day, kept 30 days."""

    async def top(self, day: date, count: int) -> Sequence[tuple[str, int]]:
        """The day's (API name, calls), most called first. The day is one of the platform's time zone."""


class CallLogPublisher(Protocol):
    """The gateway's end of the log queue. unroutable: batches so far that the broker had no queue for."""

    unroutable: int

    async def publish(self, batch: bytes, *, node: str) -> None:
        """Sends one NDJSON batch of ≤ 500 records; returns when the broker has it safe. At least once: duplicates are possible."""


class BatchDelivery(Protocol):
    """One batch taken from the queue, to be settled exactly once. times_before: how often it was taken before, as far as is known."""

    body: bytes
    times_before: int

    async def ack(self) -> None:
        """Done: forget it."""

    async def requeue(self) -> None:
        """Not done: deliver again later."""

    async def reject(self, reason: str) -> None:
        """Can never be done: the whole batch to the dead-letter queue, and forget it."""

    async def dead_letter(self, record: bytes, reason: str) -> None:
        """Puts one line of the batch, and why, into the dead-letter queue; the delivery itself stays to be settled."""


class CallLogConsumer(Protocol):
    """The indexer's end of the log queue."""

    def deliveries(self) -> AsyncGenerator[BatchDelivery, None]:
        """Batches as they come, at most 8 unsettled; survives reconnections; ends only when cancelled or closed.

        Closing it (aclose) gives back what is not settled. Settling a delivery of a lost connection raises
        PlatformUnavailable: it comes again.
        """

    async def depth(self) -> int:
        """Batches waiting in the queue."""


class ChargePublisher(Protocol):
    """The gateway's end of the queue of charges."""

    async def publish(self, batch: bytes, *, node: str) -> None:
        """Sends one NDJSON batch of ≤ 500 charges; returns when the broker has it safe. At least once: duplicates are possible.

        An empty batch is a mark: who takes it knows that everything sent before it has been taken.
        """


class ChargeConsumer(Protocol):
    """admin_api's end of that queue: of any number of consumers one gets everything, the others stand by to take over."""

    def deliveries(self) -> AsyncGenerator[BatchDelivery, None]:
        """As CallLogConsumer's; what is given back comes again before everything else."""

    async def depth(self) -> int:
        """Batches waiting in the queue."""


class ServiceDirectory(Protocol):
    """Which instances of which service are running."""

    async def beat(self, instance: Instance) -> None:
        """Registers the instance, or says that it lives on; it is forgotten 15 s after its last beat."""

    async def leave(self, instance: Instance) -> None:
        """Takes the instance out at once: it is about to stop."""

    async def instances(self, service_id: str) -> Sequence[Instance]:
        """All living instances of the service, ordered by address."""

    async def report(self, service_id: str, report: ProcessReport) -> None:
        """What this process says of itself; forgotten 15 s later."""

    async def reports(self, service_id: str) -> Sequence[ProcessReport]:
        """The latest of each living process of the service, ordered by node. Raises PlatformUnavailable: nothing old is shown."""


class Lease(Protocol):
    """A held lock. fencing: grows with every lease of this lock."""

    fencing: int

    def is_held(self) -> bool:
        """False once renewal failed or the lease ran out: stop what it protected."""


class LeaderLock(Protocol):
    """Lets one of many processes do a job."""

    def hold(self, name: str) -> AbstractAsyncContextManager[Lease | None]:
        """Tries once; None = somebody else has it. Renews while held, releases only what is its own."""


class Mailer(Protocol):
    """Sends e-mail."""

    async def send(self, mail: Mail) -> None:
        """Returns when the mail was accepted. Raises AddressRefused when its recipient was refused for good (5xx), StoreRejected when
        the mail itself was."""
