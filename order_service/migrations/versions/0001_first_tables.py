"""The first tables of order_service."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from openplatform.sql import BigId, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Byte by byte: MySQL's default collation would find `tom` when asked for `Tom`.
ACCOUNT = sa.String(50).with_variant(mysql.VARCHAR(50, collation="utf8mb4_bin"), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "pop_order_data",
        sa.Column("id", BigId, nullable=False),
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False, comment="merchant"),
        sa.Column("id_company_branch", sa.String(20), comment="organisation, branch"),
        sa.Column("cky2", sa.String(10), comment="distribution centre"),
        sa.Column("payment_type", sa.BigInteger),
        sa.Column("order_type", sa.BigInteger),
        sa.Column("freight", sa.BigInteger, comment="fen"),
        sa.Column("paysum_type", sa.BigInteger, comment="way of settlement"),
        sa.Column(
            "state",
            sa.BigInteger,
            nullable=False,
            comment="1 awaiting payment, 2 awaiting shipment, 3 awaiting receipt, 4 completed, 5 in after-sale, 6 cancelled",
        ),
        sa.Column("yn", sa.BigInteger, nullable=False, comment="1 live, 0 deleted"),
        sa.Column("order_sign", sa.String(200), comment="extension flags, ERP"),
        sa.Column("pop_send_pay", sa.String(200), comment="extension flags, platform"),
        sa.Column("order_create_date", UtcDateTime(), nullable=False),
        sa.Column("outbound_date", UtcDateTime()),
        sa.Column("order_completetime", UtcDateTime()),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("modified", UtcDateTime(), nullable=False),
        sa.Column("payment_confirm_time", UtcDateTime()),
        sa.Column("suppose_pay", sa.BigInteger, comment="expected amount, fen"),
        sa.Column("should_pay", sa.BigInteger, comment="due amount, fen"),
        sa.Column("deligood_type", sa.BigInteger, comment="kind of delivery"),
        sa.Column("id_shipmenttype", sa.BigInteger, comment="way of delivery"),
        sa.Column("area_num", sa.BigInteger, comment="delivery area"),
        sa.Column("cons_name", sa.String(50)),
        sa.Column("cons_address", sa.String(250)),
        sa.Column("cons_phone", sa.String(50)),
        sa.Column("cons_mobile_phone", sa.String(15)),
        sa.Column("cons_email", sa.String(50)),
        sa.Column("cons_postcode", sa.String(15)),
        sa.Column("remark", sa.String(200)),
        sa.Column("ji_fen", sa.BigInteger, comment="points"),
        sa.Column("carrier_id", sa.String(40), comment="waybill"),
        sa.Column("store_id", sa.BigInteger, comment="warehouse"),
        sa.Column("order_sum", sa.BigInteger, comment="order amount, fen"),
        sa.Column("invoice_title", sa.String(100)),
        sa.Column("invoice_content_id", sa.BigInteger, comment="name of the invoice's content"),
        sa.Column("invoice_type", sa.String(30)),
        sa.Column("seller_order_sum", sa.BigInteger, comment="what the merchant receives, fen"),
        sa.Column("coupon_event_sum", sa.BigInteger, comment="promotion discount, fen"),
        sa.Column("dispath_id", sa.BigInteger, comment="delivery station"),
        sa.Column("dispath_name", sa.String(50), comment="delivery station's name"),
        sa.Column("province", sa.BigInteger),
        sa.Column("city", sa.BigInteger),
        sa.Column("county", sa.BigInteger),
        sa.Column("town", sa.BigInteger),
        sa.Column("invoice_state", sa.BigInteger, comment="whether an invoice is wanted"),
        sa.Column("balance_used", sa.BigInteger, comment="paid from balance, fen"),
        sa.Column("cons_index", sa.String(40), comment="mark for shipping orders together"),
        sa.Column("pin", ACCOUNT, comment="buyer account"),
        sa.Column("customerip", sa.String(15)),
        sa.Column("center_id", sa.BigInteger, comment="sorting centre"),
        sa.Column("operator", sa.BigInteger, comment="operator who handles it"),
        sa.Column("vat_info", sa.String(1200), comment="VAT invoice data"),
        sa.Column("recommend_delivery_id", sa.BigInteger, comment="recommended carrier"),
        sa.Column("sales_pin", sa.String(250), comment="shopping guide"),
        sa.Column("supplier", sa.BigInteger, comment="supplier id"),
        sa.PrimaryKeyConstraint("id", name="pk_pop_order_data"),
        sa.UniqueConstraint("order_id", name="uq_pop_order_data_order_id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_pop_order_data_vender_id_modified", "pop_order_data", ["vender_id", "modified"])
    op.create_index(
        "ix_pop_order_data_vender_id_order_create_date", "pop_order_data", ["vender_id", "order_create_date"]
    )
    op.create_index("ix_pop_order_data_vender_id_state", "pop_order_data", ["vender_id", "state"])
    op.create_table(
        "pop_order_item",
        sa.Column("id", BigId, nullable=False),
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("sku_id", sa.BigInteger, nullable=False),
        sa.Column("sku_name", sa.String(100)),
        sa.Column("num", sa.BigInteger, nullable=False),
        sa.Column("warranty", sa.BigInteger, comment="warranty period"),
        sa.Column("price", sa.BigInteger, nullable=False, comment="fen"),
        sa.Column("give_point", sa.BigInteger, comment="points given"),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("modified", UtcDateTime(), nullable=False),
        sa.Column("ware_id", sa.BigInteger, comment="goods number"),
        sa.Column("outer_id", sa.String(400), comment="the merchant's own id"),
        sa.Column("item_num", sa.String(100)),
        sa.Column("item_ext", sa.String(300), comment="serial numbers and the like"),
        sa.PrimaryKeyConstraint("id", name="pk_pop_order_item"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_pop_order_item_vender_id_order_id", "pop_order_item", ["vender_id", "order_id"])
    op.create_index("ix_pop_order_item_vender_id_sku_id", "pop_order_item", ["vender_id", "sku_id"])
    op.create_table(
        "coupon_detail",
        sa.Column("id", BigId, nullable=False),
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("rf_code", sa.String(19), comment="related number"),
        sa.Column("coupon_type", sa.BigInteger, comment="kind"),
        sa.Column("coupon_price", sa.BigInteger, nullable=False, comment="fen"),
        sa.Column("use_date", UtcDateTime()),
        sa.Column("operate_user", sa.String(50), comment="account"),
        sa.Column("yn", sa.BigInteger, nullable=False, comment="1 live, 0 deleted"),
        sa.PrimaryKeyConstraint("id", name="pk_coupon_detail"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_coupon_detail_vender_id_order_id", "coupon_detail", ["vender_id", "order_id"])
    op.create_table(
        "order_log",
        sa.Column("id", BigId, nullable=False),
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("from_state", sa.BigInteger, nullable=False),
        sa.Column("to_state", sa.BigInteger, nullable=False),
        sa.Column("api_name", sa.String(100), nullable=False, comment="what moved it"),
        sa.Column("cause", sa.String(200), nullable=False, comment="why, in the caller's words"),
        sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_order_log"),
        comment="every state move with its cause",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_order_log_vender_id_order_id", "order_log", ["vender_id", "order_id"])
    op.create_table(
        "order_cancellation",
        sa.Column("order_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("requested", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, comment="by the sweeper"),
        sa.Column("next_attempt", UtcDateTime(), nullable=False, comment="when the sweeper tries next"),
        sa.Column("finished", UtcDateTime(), comment="NULL = stock not released yet, no other move allowed"),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_cancellation"),
        comment="the intent to cancel, stored before the stock is released",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_order_cancellation_finished_next_attempt", "order_cancellation", ["finished", "next_attempt"])
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
    op.drop_table("order_cancellation")
    op.drop_table("order_log")
    op.drop_table("coupon_detail")
    op.drop_table("pop_order_item")
    op.drop_table("pop_order_data")
