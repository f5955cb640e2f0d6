"""Customers, apps, tokens, APIs, money."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "customer",
    "app_info",
    "app_secret_history",
    "app_ip_allow",
    "user_token",
    "app_mapping",
    "app_api_grant",
    "api_systemparam",
    "recharge",
    "balance_ledger",
)

_INDEXES = (
    ("app_info", ("cus_id",)),
    ("app_secret_history", ("app_id",)),
    ("user_token", ("app_id",)),
    ("user_token", ("user_id",)),
    ("user_token", ("expire_time",)),
    ("app_mapping", ("service_id",)),
    ("recharge", ("cus_id",)),
    ("balance_ledger", ("cus_id",)),
)

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TINY_INT = sa.SmallInteger().with_variant(mysql.TINYINT(), "mysql", "mariadb")
_LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def _key(length: int) -> sa.types.TypeEngine[str]:
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(exact, "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("username", sa.String(50), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("nickname", sa.String(50), nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("money", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("username", name="uq_customer_username"),
    )
    op.create_table(
        "app_info",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("corp_name", sa.String(50), nullable=False),
        sa.Column("app_name", sa.String(50), nullable=False),
        sa.Column("app_key", _key(50), nullable=False),
        sa.Column("app_secret", sa.String(255), nullable=False),
        sa.Column("redirect_url", sa.String(100), nullable=False),
        sa.Column("daily_limit", sa.Integer, nullable=False),
        sa.Column("minute_limit", sa.Integer),
        sa.Column("description", sa.String(500), nullable=False),
        sa.Column("cus_id", sa.Integer, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("real_status_codes", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("md5_allowed", sa.SmallInteger, server_default=sa.text("1"), nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["cus_id"], ["customer.id"], name="fk_app_info_cus_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("app_key", name="uq_app_info_app_key"),
    )
    op.create_table(
        "app_secret_history",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("kid", sa.String(50), nullable=False),
        sa.Column("secret", sa.String(255), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("expire_time", _TIME, nullable=False),
        sa.Column("retired_time", _TIME),
        sa.Column("last_used_time", _TIME),
        sa.ForeignKeyConstraint(["app_id"], ["app_info.id"], name="fk_app_secret_history_app_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "app_ip_allow",
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("cidr", sa.String(43), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app_info.id"], name="fk_app_ip_allow_app_id"),
        sa.PrimaryKeyConstraint("app_id", "cidr"),
    )
    op.create_table(
        "user_token",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("access_token", _key(255), nullable=False),
        sa.Column("expire_time", _TIME, nullable=False),
        sa.Column("start_time", _TIME, nullable=False),
        sa.Column("token_hint", sa.String(16), nullable=False),
        sa.Column("refresh_token", _key(255)),
        sa.Column("revoked_at", _TIME),
        sa.Column("scope", sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app_info.id"], name="fk_user_token_app_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("access_token", name="uq_user_token_access_token"),
        sa.UniqueConstraint("refresh_token", name="uq_user_token_refresh_token"),
    )
    op.create_table(
        "app_mapping",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("gateway_api_name", _key(100), nullable=False),
        sa.Column("inside_api_url", sa.String(100), nullable=False),
        sa.Column("state", _TINY_INT, nullable=False),
        sa.Column("description", sa.String(500), nullable=False),
        sa.Column("service_id", sa.String(50), nullable=False),
        sa.Column("idempotents", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("needfee", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("http_method", sa.String(6), nullable=False),
        sa.Column("need_session", sa.SmallInteger, server_default=sa.text("1"), nullable=False),
        sa.Column("is_open", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("replay_guard", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("deprecated", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("timeout_ms", sa.Integer, nullable=False),
        sa.Column("price_fen", sa.Integer, nullable=False),
        sa.Column("cache_ttl_s", sa.Integer, nullable=False),
        sa.Column("limit_per_second", sa.Integer),
        sa.Column("limit_per_minute", sa.Integer),
        sa.Column("limit_per_day", sa.Integer),
        sa.Column("max_concurrency", sa.Integer),
        sa.Column("timestamp_window_s", sa.Integer),
        sa.Column("breaker", sa.Text),
        sa.Column("fallback_body", _LONG_TEXT),
        sa.Column("request_schema", _LONG_TEXT),
        sa.Column("response_example", _LONG_TEXT),
        sa.Column("list_items", sa.Text, nullable=False),
        sa.Column("sensitive", sa.Text, nullable=False),
        sa.Column("api_version", sa.String(20), nullable=False),
        sa.Column("api_group", sa.String(50), nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway_api_name", name="uq_app_mapping_gateway_api_name"),
    )
    op.create_table(
        "app_api_grant",
        sa.Column("app_id", sa.Integer, nullable=False),
        sa.Column("mapping_id", sa.Integer, nullable=False),
        sa.Column("daily_limit", sa.Integer),
        sa.Column("minute_limit", sa.Integer),
        sa.Column("data_scope", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app_info.id"], name="fk_app_api_grant_app_id"),
        sa.ForeignKeyConstraint(["mapping_id"], ["app_mapping.id"], name="fk_app_api_grant_mapping_id"),
        sa.PrimaryKeyConstraint("app_id", "mapping_id"),
    )
    op.create_table(
        "api_systemparam",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", _key(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="uq_api_systemparam_name"),
    )
    op.create_table(
        "recharge",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("order_id", sa.BigInteger, nullable=False),
        sa.Column("cus_id", sa.Integer, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.Column("money", sa.Integer, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("payment_type", sa.SmallInteger, nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["cus_id"], ["customer.id"], name="fk_recharge_cus_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id", name="uq_recharge_order_id"),
    )
    op.create_table(
        "balance_ledger",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("cus_id", sa.Integer, nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.Column("balance_after", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("reference", _key(100), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["cus_id"], ["customer.id"], name="fk_balance_ledger_cus_id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference", name="uq_balance_ledger_reference"),
    )
    for table, columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
