"""Tables of money: top-ups, and the ledger that every move of a balance leaves a row in."""

import sqlalchemy as sa

from admin_api.tables.metadata import key_text, metadata, version
from openplatform.sql import BigId, UtcDateTime

recharge = sa.Table(
    "recharge",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("cus_id", sa.Integer, sa.ForeignKey("customer.id"), nullable=False, index=True),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("update_time", UtcDateTime, nullable=False),
    sa.Column("money", sa.Integer, nullable=False),  # fen
    sa.Column("state", sa.SmallInteger, nullable=False),  # 0 created, 1 paid, 2 cancelled
    sa.Column("payment_type", sa.SmallInteger, nullable=False),  # 1 Alipay, 2 WeChat Pay, 3 bank transfer
    version(),
)

balance_ledger = sa.Table(
    "balance_ledger",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("cus_id", sa.Integer, sa.ForeignKey("customer.id"), nullable=False, index=True),
    sa.Column("delta", sa.BigInteger, nullable=False),
    sa.Column("balance_after", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),  # recharge, call charges, refund
    sa.Column("reference", key_text(100), nullable=False, unique=True),  # a repeated event changes nothing
    sa.Column("create_time", UtcDateTime, nullable=False),
)
