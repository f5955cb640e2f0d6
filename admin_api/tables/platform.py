"""Tables of the machinery: changes on their way to the gateways, answers given once, and rows that serialise transactions."""

import sqlalchemy as sa

from admin_api.tables.metadata import LongText, key_text, metadata
from openplatform.sql import BigId, UtcDateTime

config_outbox = sa.Table(
    "config_outbox",
    metadata,
    sa.Column("id", BigId, primary_key=True),  # the change's version: never used twice, hence the AUTOINCREMENT below
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("key", key_text(255), nullable=False),
    sa.Column("body", LongText),  # the record as JSON; None = removed
    sa.Column("expire_at_ms", sa.BigInteger),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("sent_time", UtcDateTime, index=True),  # None = not in Redis yet
    sqlite_autoincrement=True,
)

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    sa.Column("user_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", key_text(100), primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("answer", LongText, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False, index=True),
)

mutex = sa.Table(
    "mutex",
    metadata,
    sa.Column("name", key_text(20), primary_key=True),
)
"""A row is locked by transactions that must not run side by side: `config`, `login`, `access`."""
