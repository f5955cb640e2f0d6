"""Tables of the platform's users: customers, their apps with secrets, and the sessions granted to apps."""

import sqlalchemy as sa

from admin_api.tables.metadata import flag, key_text, metadata, version
from openplatform.sql import UtcDateTime

customer = sa.Table(
    "customer",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("username", sa.String(50), nullable=False, unique=True),
    sa.Column("password", sa.String(255), nullable=False),
    sa.Column("nickname", sa.String(50), nullable=False),
    sa.Column("address", sa.String(255), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # 1 enabled, 0 disabled: all its apps stop
    sa.Column("money", sa.BigInteger, nullable=False),  # fen; moves only together with a balance_ledger row
    version(),
)

app_info = sa.Table(
    "app_info",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("corp_name", sa.String(50), nullable=False),
    sa.Column("app_name", sa.String(50), nullable=False),
    sa.Column("app_key", key_text(50), nullable=False, unique=True),
    sa.Column("app_secret", sa.String(255), nullable=False),  # sealed: openplatform.sealing, context app_info|<app_key>
    sa.Column("redirect_url", sa.String(100), nullable=False),
    sa.Column("daily_limit", sa.Integer, nullable=False),
    sa.Column("minute_limit", sa.Integer),  # None = the platform's default
    sa.Column("description", sa.String(500), nullable=False),
    sa.Column("cus_id", sa.Integer, sa.ForeignKey("customer.id"), nullable=False, index=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    flag("real_status_codes"),
    flag("md5_allowed", default=1),
    version(),
)

app_secret_history = sa.Table(
    "app_secret_history",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app_id", sa.Integer, sa.ForeignKey("app_info.id"), nullable=False, index=True),
    sa.Column("kid", sa.String(50), nullable=False),  # the master key that sealed it
    sa.Column("secret", sa.String(255), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),  # when it was replaced
    sa.Column("expire_time", UtcDateTime, nullable=False),
    sa.Column("retired_time", UtcDateTime),  # None = gateways still accept it
    sa.Column("last_used_time", UtcDateTime),
)

app_ip_allow = sa.Table(
    "app_ip_allow",
    metadata,
    sa.Column("app_id", sa.Integer, sa.ForeignKey("app_info.id"), primary_key=True),
    sa.Column("cidr", sa.String(43), primary_key=True),
)

user_token = sa.Table(
    "user_token",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app_id", sa.Integer, sa.ForeignKey("app_info.id"), nullable=False, index=True),
    sa.Column("user_id", sa.Integer, nullable=False, index=True),  # the merchant: vender_id for the services
    sa.Column("access_token", key_text(255), nullable=False, unique=True),  # SHA-256, hex
    sa.Column("expire_time", UtcDateTime, nullable=False, index=True),
    sa.Column("start_time", UtcDateTime, nullable=False),
    sa.Column("token_hint", sa.String(16), nullable=False),
    sa.Column("refresh_token", key_text(255), unique=True),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("scope", sa.String(255), nullable=False),
)
