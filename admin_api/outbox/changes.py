"""An operator's change: rows, audit and what gateways must hear of it, in one transaction."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from admin_api.outbox.records import Entry, app_entry, param_entry, route_entry, session_entry
from admin_api.outbox.repository import app_rows, append, begin_emitting, param_rows, route_rows, token_rows
from admin_api.security.audit import Values, audit_row, record_change
from admin_api.security.last_known import LastKnown
from admin_api.security.operators import Operator
from admin_api.security.repository import add_audit_rows
from admin_api.tables.access import DECIDE_ACCESS
from admin_api.tables.rows import Row
from openplatform.ports import Clock
from openplatform.records import ConfigKind
from openplatform.sql import AsyncConnection, Database, OutcomeUnknown

T = TypeVar("T")

_CHUNK = 1000  # SQLite takes 32,766 values in one statement


@dataclass(slots=True)
class Change:
    """One transaction of one operator. Emit last: from then on until the end no other change can emit."""

    connection: AsyncConnection
    by: Operator
    now: datetime
    last_outbox_id: int | None = field(default=None, init=False)
    decides_access: bool = field(default=False, init=False)
    """Whether it may change who may do what: set by what it records, and by who changes such a thing without a record."""

    async def record(
        self, action: str, table: str, row_id: object, before: Values | None = None, after: Values | None = None
    ) -> None:
        """Writes the audit row. action: what the operator did, e.g. `edit`; before None = created, after None = deleted."""
        self.decides_access |= table in DECIDE_ACCESS
        await record_change(
            self.connection, self.by, self.now, action=action, table=table, row_id=row_id, before=before, after=after
        )

    async def record_edits(self, action: str, table: str, before: Sequence[Row], after: Sequence[Row]) -> None:
        """The same for many rows, which have ids, in the same order."""
        self.decides_access |= table in DECIDE_ACCESS
        pairs = zip(before, after, strict=True)
        rows = [audit_row(self.by, self.now, action, table, was["id"], was, now) for was, now in pairs]
        if rows:
            await add_audit_rows(self.connection, rows)

    async def emit_apps(self, ids: Sequence[int]) -> None:
        """Tells gateways what these apps are now."""
        await begin_emitting(self.connection)
        for start in range(0, len(ids), _CHUNK):
            rows = await app_rows(self.connection, ids=ids[start : start + _CHUNK])
            await self._append(app_entry(row) for row in rows)

    async def emit_apps_of_customer(self, customer_id: int) -> None:
        """The same for all apps of a customer, whose state counts for them."""
        await begin_emitting(self.connection)
        await self._append(app_entry(row) for row in await app_rows(self.connection, customer_id=customer_id))

    async def emit_routes(self, ids: Sequence[int]) -> None:
        """Tells gateways what these API mappings are now."""
        await begin_emitting(self.connection)
        for start in range(0, len(ids), _CHUNK):
            rows = await route_rows(self.connection, ids[start : start + _CHUNK])
            await self._append(route_entry(row) for row in rows)

    async def emit_params(self, ids: Sequence[int]) -> None:
        """Tells gateways what these system parameters are now."""
        await begin_emitting(self.connection)
        await self._append(param_entry(row) for row in await param_rows(self.connection, ids))

    async def emit_sessions(self, ids: Sequence[int]) -> None:
        """Tells gateways what these tokens are now."""
        await begin_emitting(self.connection)
        for start in range(0, len(ids), _CHUNK):
            rows = await token_rows(self.connection, ids[start : start + _CHUNK])
            await self._append(session_entry(row) for row in rows)

    async def emit_passing_session(self, token_hash: str, *, app_id: int, user_id: int, expire_time: datetime) -> None:
        """Tells gateways of a session that no row keeps: it ends by itself, or with Redis' data."""
        await begin_emitting(self.connection)
        row = {"access_token": token_hash, "app_id": app_id, "user_id": user_id, "start_time": self.now, "revoked_at": None,
               "expire_time": expire_time, "scope": ""}  # fmt: skip
        await self._append([session_entry(row)])

    async def emit_removal(self, kind: ConfigKind, *keys: str) -> None:
        """Tells gateways that these entries are gone."""
        await begin_emitting(self.connection)
        await self._append(Entry(kind, key, None) for key in keys)

    async def _append(self, entries: Iterable[Entry]) -> None:
        rows = [
            {
                "kind": entry.kind,
                "key": entry.key,
                "body": None if entry.body is None else entry.body.decode(),
                "expire_at_ms": entry.expire_at_ms,
                "create_time": self.now,
            }
            for entry in entries
        ]
        if rows:
            self.last_outbox_id = await append(self.connection, rows)


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """A committed change. outbox_id: the last row that gateways must hear of, None = nothing for them."""

    value: T
    outbox_id: int | None


class Bell(Protocol):
    """What is rung after a commit: the relay."""

    def wake(self) -> None: ...


class Changes:
    """Makes changes. A transaction that lost a deadlock is repeated, so `work` may run more than once.

    One that decides who may do what ends what is remembered of operators, unless it is known to be undone.
    """

    def __init__(self, database: Database, clock: Clock, bell: Bell, last_known: LastKnown) -> None:
        self.database = database
        self._clock = clock
        self._bell = bell
        self._last_known = last_known

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    async def make(self, by: Operator, work: Callable[[Change], Awaitable[T]]) -> Made[T]:
        """Runs `work` in one transaction and wakes the relay when it is committed."""
        change, is_undone = None, False

        async def transaction(connection: AsyncConnection) -> tuple[T, Change]:
            nonlocal change
            change = Change(connection, by, self.now())
            return await work(change), change

        try:
            value, made = await self.database.run(transaction)
        except OutcomeUnknown:
            raise
        except Exception:
            is_undone = True
            raise
        finally:
            if change is not None and change.decides_access and not is_undone:
                self._last_known.forget_all()
        if made.last_outbox_id is not None:
            self._bell.wake()
        return Made(value, made.last_outbox_id)
