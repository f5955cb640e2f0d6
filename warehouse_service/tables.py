"""The warehouse database. Names and types are the platform's data model; migrations/ builds what stands here.

Available stock is current_cnt - lock_cnt; the database itself refuses what would make it negative. Times are UTC.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import CHAR, TIMESTAMP, TINYINT

from openplatform.idempotency import idempotency_table
from openplatform.sql import NAMING, BigId, UtcDateTime

metadata = sa.MetaData(naming_convention=NAMING)
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}

SmallId = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
"""A smallint primary key that counts up by itself; SQLite does that for INTEGER only."""
TinyInt = sa.SmallInteger().with_variant(TINYINT(), "mysql", "mariadb")
# Codes are compared byte by byte: MySQL's default collation would find `wh001` when asked for `WH001`.
Code = sa.CHAR(5).with_variant(CHAR(5, collation="utf8mb4_bin"), "mysql", "mariadb")


class UtcTimestamp(sa.types.TypeDecorator[datetime]):
    """UtcDateTime in a TIMESTAMP column; MySQL's ends in January 2038. Raises ValueError for naive values."""

    impl = sa.TIMESTAMP
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[datetime]:
        mysql = dialect.name in {"mysql", "mariadb"}
        return dialect.type_descriptor(TIMESTAMP(fsp=6) if mysql else sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return UtcDateTime().process_bind_param(value, dialect)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return UtcDateTime().process_result_value(value, dialect)


class Yuan(sa.types.TypeDecorator[Decimal]):
    """decimal(8,2). SQLite keeps such numbers as floats, which give eight digits back exactly."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Decimal]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Numeric(8, 2, asdecimal=False))  # type: ignore[arg-type]  # float, mended below
        return dialect.type_descriptor(sa.Numeric(8, 2))

    def process_result_value(self, value: Decimal | float | None, dialect: sa.Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value)).quantize(Decimal("0.01"))


warehouse_info = sa.Table(
    "warehouse_info",
    metadata,
    sa.Column("w_id", SmallId, primary_key=True),
    sa.Column("warehouse_sn", Code, nullable=False, unique=True, comment="code"),
    sa.Column("warehouse_name", sa.String(10), nullable=False),
    sa.Column("warehouse_phone", sa.String(20)),
    sa.Column("contact", sa.String(10)),
    sa.Column("province", sa.SmallInteger),
    sa.Column("city", sa.SmallInteger),
    sa.Column("district", sa.SmallInteger),
    sa.Column("address", sa.String(100)),
    sa.Column("warehouse_status", TinyInt, nullable=False, comment="0 disabled, 1 enabled"),
    sa.Column("modified_time", UtcTimestamp, nullable=False),
    sa.Column("vender_id", sa.BigInteger, nullable=False, comment="merchant: sees its own warehouses only"),
    sa.Index(None, "vender_id"),
    **MYSQL,
)

warehouse_product = sa.Table(
    "warehouse_product",
    metadata,
    sa.Column("wp_id", sa.Integer, primary_key=True),
    sa.Column("product_id", sa.Integer, nullable=False, comment="an order item's sku_id"),
    sa.Column("w_id", sa.SmallInteger, nullable=False),
    sa.Column("current_cnt", sa.Integer, nullable=False, comment="on hand"),
    sa.Column("lock_cnt", sa.Integer, nullable=False, comment="held by orders"),
    sa.Column("in_transit_cnt", sa.Integer, nullable=False, comment="on its way in"),
    sa.Column("average_cost", Yuan, nullable=False, comment="moving weighted average, yuan"),
    sa.Column("modified_time", UtcTimestamp, nullable=False),
    sa.UniqueConstraint("product_id", "w_id"),
    sa.Index(None, "w_id"),
    sa.CheckConstraint(
        "lock_cnt >= 0 AND current_cnt >= lock_cnt AND in_transit_cnt >= 0",
        name="ck_warehouse_product_never_below_zero",
    ),
    **MYSQL,
)

stock_hold = sa.Table(
    "stock_hold",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("vender_id", sa.BigInteger, nullable=False),
    sa.Column("product_id", sa.Integer, nullable=False),
    sa.Column("w_id", sa.SmallInteger, nullable=False),
    sa.Column("cnt", sa.Integer, nullable=False),
    sa.Column("state", TinyInt, nullable=False, comment="1 held, 2 deducted: the goods have left"),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("modified", UtcDateTime, nullable=False),
    # The merchant is part of it: one merchant's hold can never stand in the way of another's.
    sa.UniqueConstraint("vender_id", "order_id", "product_id"),
    sa.CheckConstraint("cnt > 0", name="ck_stock_hold_positive"),
    comment="what an order holds; a released hold is deleted, its movements stay",
    **MYSQL,
)

stock_closed = sa.Table(
    "stock_closed",
    metadata,
    sa.Column("vender_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("order_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("created", UtcDateTime, nullable=False),
    comment="orders that were cancelled: nothing is held for them any more",
    **MYSQL,
)

stock_movement = sa.Table(
    "stock_movement",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("vender_id", sa.BigInteger, nullable=False),
    sa.Column("product_id", sa.Integer, nullable=False),
    sa.Column("w_id", sa.SmallInteger, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False, comment="what: opening, lock, unlock, deduct, inbound, receive"),
    sa.Column("cnt", sa.Integer, nullable=False, comment="how many"),
    sa.Column("current_before", sa.Integer, nullable=False),
    sa.Column("current_after", sa.Integer, nullable=False),
    sa.Column("lock_before", sa.Integer, nullable=False),
    sa.Column("lock_after", sa.Integer, nullable=False),
    sa.Column("in_transit_before", sa.Integer, nullable=False),
    sa.Column("in_transit_after", sa.Integer, nullable=False),
    sa.Column("unit_cost", Yuan, comment="of received goods, yuan"),
    sa.Column("cost_before", Yuan, comment="average cost; NULL = not recorded yet at that time"),
    sa.Column("cost_after", Yuan),
    sa.Column("reference", sa.String(64), nullable=False, comment="order:<order_id> or what else caused it"),
    sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Index(None, "vender_id", "product_id", "w_id"),
    sa.Index(None, "vender_id", "reference"),
    comment="every change of stock",
    **MYSQL,
)

idempotency_record = idempotency_table(metadata)
