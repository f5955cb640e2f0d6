"""The first tables of warehouse_service."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from openplatform.sql import BigId, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TINYINT = sa.SmallInteger().with_variant(mysql.TINYINT(), "mysql", "mariadb")
TIMESTAMP = sa.DateTime().with_variant(mysql.TIMESTAMP(fsp=6), "mysql", "mariadb")
# Byte by byte: MySQL's default collation would find `wh001` when asked for `WH001`.
CODE = sa.CHAR(5).with_variant(mysql.CHAR(5, collation="utf8mb4_bin"), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "warehouse_info",
        sa.Column("w_id", sa.SmallInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("warehouse_sn", CODE, nullable=False, comment="code"),
        sa.Column("warehouse_name", sa.String(10), nullable=False),
        sa.Column("warehouse_phone", sa.String(20)),
        sa.Column("contact", sa.String(10)),
        sa.Column("province", sa.SmallInteger),
        sa.Column("city", sa.SmallInteger),
        sa.Column("district", sa.SmallInteger),
        sa.Column("address", sa.String(100)),
        sa.Column("warehouse_status", TINYINT, nullable=False, comment="0 disabled, 1 enabled"),
        sa.Column("modified_time", TIMESTAMP, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False, comment="merchant: sees its own warehouses only"),
        sa.PrimaryKeyConstraint("w_id", name="pk_warehouse_info"),
        sa.UniqueConstraint("warehouse_sn", name="uq_warehouse_info_warehouse_sn"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_warehouse_info_vender_id", "warehouse_info", ["vender_id"])
    op.create_table(
        "warehouse_product",
        sa.Column("wp_id", sa.Integer, nullable=False),
        sa.Column("product_id", sa.Integer, nullable=False, comment="an order item's sku_id"),
        sa.Column("w_id", sa.SmallInteger, nullable=False),
        sa.Column("current_cnt", sa.Integer, nullable=False, comment="on hand"),
        sa.Column("lock_cnt", sa.Integer, nullable=False, comment="held by orders"),
        sa.Column("in_transit_cnt", sa.Integer, nullable=False, comment="on its way in"),
        sa.Column("average_cost", sa.Numeric(8, 2), nullable=False, comment="moving weighted average, yuan"),
        sa.Column("modified_time", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("wp_id", name="pk_warehouse_product"),
        sa.UniqueConstraint("product_id", "w_id", name="uq_warehouse_product_product_id_w_id"),
        sa.CheckConstraint(
            "lock_cnt >= 0 AND current_cnt >= lock_cnt AND in_transit_cnt >= 0",
            name="ck_warehouse_product_never_below_zero",
        ),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_warehouse_product_w_id", "warehouse_product", ["w_id"])
    op.create_table(
        "stock_hold",
        sa.Column("id", BigId, nullable=False),
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("product_id", sa.Integer, nullable=False),
        sa.Column("w_id", sa.SmallInteger, nullable=False),
        sa.Column("cnt", sa.Integer, nullable=False),
        sa.Column("state", TINYINT, nullable=False, comment="1 held, 2 deducted: the goods have left"),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("modified", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stock_hold"),
        sa.UniqueConstraint("vender_id", "order_id", "product_id", name="uq_stock_hold_vender_id_order_id_product_id"),
        sa.CheckConstraint("cnt > 0", name="ck_stock_hold_positive"),
        comment="what an order holds; a released hold is deleted, its movements stay",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "stock_movement",
        sa.Column("id", BigId, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("product_id", sa.Integer, nullable=False),
        sa.Column("w_id", sa.SmallInteger, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False, comment="what: opening, lock, unlock, deduct"),
        sa.Column("cnt", sa.Integer, nullable=False, comment="how many"),
        sa.Column("current_before", sa.Integer, nullable=False),
        sa.Column("current_after", sa.Integer, nullable=False),
        sa.Column("lock_before", sa.Integer, nullable=False),
        sa.Column("lock_after", sa.Integer, nullable=False),
        sa.Column("in_transit_before", sa.Integer, nullable=False),
        sa.Column("in_transit_after", sa.Integer, nullable=False),
        sa.Column("reference", sa.String(64), nullable=False, comment="order:<order_id> or what else caused it"),
        sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stock_movement"),
        comment="every change of stock",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index(
        "ix_stock_movement_vender_id_product_id_w_id", "stock_movement", ["vender_id", "product_id", "w_id"]
    )
    op.create_index("ix_stock_movement_vender_id_reference", "stock_movement", ["vender_id", "reference"])
    op.create_table(
        "idempotency_record",
        sa.Column("vender_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.CHAR(64), nullable=False, comment="SHA-256 of the key: any length, no collation"),
        sa.Column("call_hash", sa.CHAR(64), nullable=False, comment="SHA-256 of operation and parameters"),
        sa.Column("answer", sa.Text, nullable=False, comment="JSON object"),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("vender_id", "key_hash", name="pk_idempotency_record"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_idempotency_record_created", "idempotency_record", ["created"])


def downgrade() -> None:
    op.drop_table("idempotency_record")
    op.drop_table("stock_movement")
    op.drop_table("stock_hold")
    op.drop_table("warehouse_product")
    op.drop_table("warehouse_info")
