"""A change that arrives twice is made once: its answer is kept under the caller's key, in the change's own transaction.

The key is the caller's `idempotency_key` or, without one, the gateway's X-Request-Id, which stays the same when the gateway tries
a call again. Only answers of changes that were made are kept: a refused change may be asked for again, and may succeed then.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from openplatform.errors import business_error
from openplatform.ports import Clock
from openplatform.sql import Database, UtcDateTime

MAX_KEY_LENGTH = 128
_ATTEMPTS = 4
Answer = dict[str, Any]


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    """The table `idempotency_record` of a service's database."""
    return sa.Table(
        "idempotency_record",
        metadata,
        sa.Column("vender_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key_hash", sa.CHAR(64), primary_key=True, comment="SHA-256 of the key: any length, no collation"),
        sa.Column("call_hash", sa.CHAR(64), nullable=False, comment="SHA-256 of operation and parameters"),
        sa.Column("answer", sa.Text, nullable=False, comment="JSON object"),
        sa.Column("created", UtcDateTime, nullable=False),
        sa.Index(None, "created"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


class Keyed(Protocol):
    """What of a caller makes a key: openplatform.web.Caller has it."""

    @property
    def vender_id(self) -> int: ...
    @property
    def request_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CallKey:
    """Identity of one change. key_hash None = the call carries no key, so nothing can be recognised."""

    vender_id: int
    key_hash: str | None
    call_hash: str


def call_key(caller: Keyed, operation: str, params: Mapping[str, str]) -> CallKey:
    """The identity of a call of `operation` (an API name) with these business parameters."""
    own = params.get("idempotency_key")
    if own and len(own) > MAX_KEY_LENGTH:
        raise business_error(
            "isv.invalid-parameter:idempotency_key", f"idempotency_key must have at most {MAX_KEY_LENGTH} characters"
        )
    # Two name spaces, so that a caller's own key can never meet a request id.
    key = f"key:{own}" if own else f"request:{caller.request_id}" if caller.request_id else None
    call = [operation, *sorted((name, value) for name, value in params.items() if name != "idempotency_key")]
    return CallKey(caller.vender_id, _sha256(key.encode()) if key else None, _sha256(orjson.dumps(call)))


async def change_once(
    database: Database,
    table: sa.Table,
    key: CallKey,
    clock: Clock,
    change: Callable[[AsyncConnection], Awaitable[Answer]],
) -> Answer:
    """Makes the change and keeps its answer in one transaction, or returns the answer kept before.

    `change` may run several times (a lost deadlock, a twin at the same moment), but is committed once. Raises what `change`
    raises, and ServiceRejected `isv.idempotency-key-reused` when the key was used for another call.
    """

    async def work(connection: AsyncConnection) -> Answer:
        if (kept := await kept_answer(connection, table, key)) is not None:
            return kept
        answer = await change(connection)
        await keep_answer(connection, table, key, answer, clock)
        return answer

    for _ in range(_ATTEMPTS - 1):
        try:
            return await database.run(work)
        except IntegrityError:
            continue  # a twin was faster and has committed: the next look finds what it did
    return await database.run(work)


async def kept_answer(connection: AsyncConnection, table: sa.Table, key: CallKey) -> Answer | None:
    """The answer kept for the key, None when there is none. Raises ServiceRejected when it was used for another call."""
    if key.key_hash is None:
        return None
    found = await connection.execute(
        sa.select(table.c.call_hash, table.c.answer).where(
            table.c.vender_id == key.vender_id, table.c.key_hash == key.key_hash
        )
    )
    row = found.first()
    if row is None:
        return None
    if row.call_hash != key.call_hash:
        raise business_error(
            "isv.idempotency-key-reused",
            "this idempotency_key was used for another call: take a new one",
            http_status=409,
        )
    answer: Answer = orjson.loads(row.answer)
    return answer


async def keep_answer(connection: AsyncConnection, table: sa.Table, key: CallKey, answer: Answer, clock: Clock) -> None:
    """Keeps the answer. Raises IntegrityError when a twin kept one in the meantime."""
    if key.key_hash is None:
        return
    await connection.execute(
        table.insert().values(
            vender_id=key.vender_id,
            key_hash=key.key_hash,
            call_hash=key.call_hash,
            answer=orjson.dumps(answer).decode(),
            created=datetime.fromtimestamp(clock.now(), UTC),
        )
    )


async def forget_answers(connection: AsyncConnection, table: sa.Table, before: datetime) -> int:
    """Deletes the answers kept before that time; returns how many."""
    deleted = await connection.execute(table.delete().where(table.c.created < before))
    return deleted.rowcount


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
