"""Tables of the public APIs: where each leads, who may call it, and which system parameters every call carries."""

import sqlalchemy as sa

from admin_api.tables.metadata import LongText, TinyInt, flag, key_text, metadata, version

app_mapping = sa.Table(
    "app_mapping",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("gateway_api_name", key_text(100), nullable=False, unique=True),
    sa.Column("inside_api_url", sa.String(100), nullable=False),
    sa.Column("state", TinyInt, nullable=False),  # 1 available, 0 not
    sa.Column("description", sa.String(500), nullable=False),
    sa.Column("service_id", sa.String(50), nullable=False, index=True),
    flag("idempotents"),  # a write must not become repeatable by omission
    flag("needfee"),  # a price has to be set first
    sa.Column("http_method", sa.String(6), nullable=False),
    flag("need_session", default=1),
    flag("is_open"),  # 1 = needs no grant
    flag("replay_guard"),
    flag("deprecated"),
    sa.Column("timeout_ms", sa.Integer, nullable=False),
    sa.Column("price_fen", sa.Integer, nullable=False),
    sa.Column("cache_ttl_s", sa.Integer, nullable=False),  # 0 = off
    sa.Column("cache_epoch", sa.Integer, nullable=False, server_default=sa.text("0")),  # counts purges of kept answers
    sa.Column("limit_per_second", sa.Integer),
    sa.Column("limit_per_minute", sa.Integer),
    sa.Column("limit_per_day", sa.Integer),
    sa.Column("max_concurrency", sa.Integer),
    sa.Column("timestamp_window_s", sa.Integer),  # None = the platform's
    sa.Column("breaker", sa.Text),  # JSON object, None = the platform's
    sa.Column("fallback_body", LongText),  # JSON object
    sa.Column("request_schema", LongText),  # JSON Schema of the business parameters
    sa.Column("response_example", LongText),  # JSON object
    sa.Column("list_items", sa.Text, nullable=False),  # JSON object: list name → item name
    sa.Column("sensitive", sa.Text, nullable=False),  # JSON list of business parameters that logs mask
    sa.Column("api_version", sa.String(20), nullable=False),
    sa.Column("api_group", sa.String(50), nullable=False),
    version(),
)

app_api_grant = sa.Table(
    "app_api_grant",
    metadata,
    sa.Column("app_id", sa.Integer, sa.ForeignKey("app_info.id"), primary_key=True),
    sa.Column("mapping_id", sa.Integer, sa.ForeignKey("app_mapping.id"), primary_key=True),
    sa.Column("daily_limit", sa.Integer),
    sa.Column("minute_limit", sa.Integer),
    sa.Column("data_scope", sa.String(100), nullable=False),
    version(),
)

api_systemparam = sa.Table(
    "api_systemparam",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", key_text(255), nullable=False, unique=True),
    sa.Column("description", sa.String(255), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # 1 in force, 0 not
    sa.Column("value_type", sa.String(20), nullable=False, server_default=sa.text("'string'")),  # records.ParameterType
    sa.Column("default_value", sa.String(100), nullable=False, server_default=sa.text("''")),  # "" = none
    sa.Column("choices", sa.Text),  # JSON list of what a choice may be
    version(),
)
