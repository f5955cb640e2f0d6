"""The order database. Names and types are the platform's data model; migrations/ builds what stands here.

Money is an integer count of fen (1/100 yuan). Times are UTC. Every row carries its merchant, and every query must.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import VARCHAR

from openplatform.idempotency import idempotency_table
from openplatform.sql import NAMING, BigId, UtcDateTime

metadata = sa.MetaData(naming_convention=NAMING)
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}

# Account names are compared byte by byte: MySQL's default collation would find `tom` when asked for `Tom`.
Account = sa.String(50).with_variant(VARCHAR(50, collation="utf8mb4_bin"), "mysql", "mariadb")

pop_order_data = sa.Table(
    "pop_order_data",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("order_id", sa.BigInteger, nullable=False, unique=True),
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
    sa.Column("order_create_date", UtcDateTime, nullable=False),
    sa.Column("outbound_date", UtcDateTime),
    sa.Column("order_completetime", UtcDateTime),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("modified", UtcDateTime, nullable=False),
    sa.Column("payment_confirm_time", UtcDateTime),
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
    sa.Column("pin", Account, comment="buyer account"),
    sa.Column("customerip", sa.String(15)),
    sa.Column("center_id", sa.BigInteger, comment="sorting centre"),
    sa.Column("operator", sa.BigInteger, comment="operator who handles it"),
    sa.Column("vat_info", sa.String(1200), comment="VAT invoice data"),
    sa.Column("recommend_delivery_id", sa.BigInteger, comment="recommended carrier"),
    sa.Column("sales_pin", sa.String(250), comment="shopping guide"),
    sa.Column("supplier", sa.BigInteger, comment="supplier id"),
    sa.Column("carrier", sa.String(50), comment="who carries it"),
    sa.Column(
        "change_seq", sa.BigInteger, nullable=False, comment="the merchant's last change of it, see order_sequence"
    ),
    sa.Index(None, "vender_id", "change_seq"),
    sa.Index(None, "vender_id", "modified"),
    sa.Index(None, "vender_id", "order_create_date"),
    sa.Index(None, "vender_id", "state"),
    **MYSQL,
)

pop_order_item = sa.Table(
    "pop_order_item",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("vender_id", sa.BigInteger, nullable=False),
    sa.Column("sku_id", sa.BigInteger, nullable=False),
    sa.Column("sku_name", sa.String(100)),
    sa.Column("num", sa.BigInteger, nullable=False),
    sa.Column("warranty", sa.BigInteger, comment="warranty period"),
    sa.Column("price", sa.BigInteger, nullable=False, comment="fen"),
    sa.Column("give_point", sa.BigInteger, comment="points given"),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("modified", UtcDateTime, nullable=False),
    sa.Column("ware_id", sa.BigInteger, comment="goods number"),
    sa.Column("outer_id", sa.String(400), comment="the merchant's own id"),
    sa.Column("item_num", sa.String(100)),
    sa.Column("item_ext", sa.String(300), comment="serial numbers and the like"),
    sa.Index(None, "vender_id", "order_id"),
    sa.Index(None, "vender_id", "sku_id"),
    **MYSQL,
)

coupon_detail = sa.Table(
    "coupon_detail",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("vender_id", sa.BigInteger, nullable=False),
    sa.Column("rf_code", sa.String(19), comment="related number"),
    sa.Column("coupon_type", sa.BigInteger, comment="kind"),
    sa.Column("coupon_price", sa.BigInteger, nullable=False, comment="fen"),
    sa.Column("use_date", UtcDateTime),
    sa.Column("operate_user", sa.String(50), comment="account"),
    sa.Column("yn", sa.BigInteger, nullable=False, comment="1 live, 0 deleted"),
    sa.Index(None, "vender_id", "order_id"),
    **MYSQL,
)

order_log = sa.Table(
    "order_log",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("vender_id", sa.BigInteger, nullable=False),
    sa.Column("from_state", sa.BigInteger, nullable=False),
    sa.Column("to_state", sa.BigInteger, nullable=False),
    sa.Column("api_name", sa.String(100), nullable=False, comment="what moved it"),
    sa.Column("cause", sa.String(200), nullable=False, comment="why, in the caller's words"),
    sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Index(None, "vender_id", "order_id"),
    comment="every state move with its cause",
    **MYSQL,
)

order_sequence = sa.Table(
    "order_sequence",
    metadata,
    sa.Column("vender_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("last_modified", UtcDateTime, nullable=False, comment="no later change has an earlier one"),
    comment="numbers the changes of a merchant's orders in the order in which they are committed",
    **MYSQL,
)

order_intent = sa.Table(
    "order_intent",
    metadata,
    sa.Column("order_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(10), primary_key=True, comment="cancel, ship"),
    sa.Column("vender_id", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("carrier", sa.String(50), comment="of a shipment"),
    sa.Column("waybill", sa.String(40), comment="of a shipment"),
    sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("requested", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, comment="after the first, by callers and the sweeper"),
    sa.Column("next_attempt", UtcDateTime, nullable=False, comment="when the sweeper tries next"),
    sa.Column("finished", UtcDateTime, comment="NULL = the warehouse has not done its part yet, no other move allowed"),
    sa.Index(None, "finished", "next_attempt"),
    comment="what is to be done with an order, stored before the warehouse is asked",
    **MYSQL,
)

idempotency_record = idempotency_table(metadata)
