"""Answers that were given once: a request that comes again under its Idempotency-Key gets the same one and changes nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from admin_api.outbox.changes import Change
from admin_api.security.problems import Problem
from admin_api.tables.platform import idempotency_key
from admin_api.tables.rows import find_row
from openplatform.sealing import Seal

Answer = dict[str, Any]

_KEPT = timedelta(days=7)
"""Nobody repeats a request that long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """key: chosen by the caller, their own; request_hash: 64 hex digits that tell this request from others."""

    key: str
    request_hash: str


async def given_answer(change: Change, seal: Seal, asked: Asked) -> Answer | None:
    """What was answered, None = nothing yet. Raises a 409 Problem when the key came with another request."""
    k = idempotency_key.c
    query = sa.select(k.request_hash, k.answer).where(k.user_id == (change.by.user_id or 0), k.key == asked.key)
    row = await find_row(change.connection, query)
    if row is None:
        return None
    if row["request_hash"] != asked.request_hash:
        raise Problem(
            409,
            "idempotency-key-reused",
            "this Idempotency-Key came with another request before",
            "幂等键已用于其他请求",
        )
    answer: Answer = orjson.loads(seal.open(row["answer"], _context(change, asked)))
    return answer


async def keep_answer(change: Change, seal: Seal, asked: Asked, answer: Answer) -> None:
    """Stores the answer with the change itself: both are there, or neither. A key in use raises RowConflict.

    The answer is sealed: it may hold a secret that is shown once. Forgets those of a week ago.
    """
    forgotten = change.now - _KEPT
    await change.connection.execute(sa.delete(idempotency_key).where(idempotency_key.c.create_time < forgotten))
    await change.connection.execute(
        sa.insert(idempotency_key).values(
            user_id=change.by.user_id or 0,
            key=asked.key,
            request_hash=asked.request_hash,
            answer=seal.seal(orjson.dumps(answer).decode(), _context(change, asked)),
            create_time=change.now,
        )
    )


def _context(change: Change, asked: Asked) -> str:
    return f"idempotency_key|{change.by.user_id or 0}|{asked.key}"
