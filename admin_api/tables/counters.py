"""The table that admission counters are kept in, for a Redis that loses them."""

import sqlalchemy as sa

from admin_api.tables.metadata import key_text, metadata

quota_counter = sa.Table(
    "quota_counter",
    metadata,
    sa.Column("kind", sa.String(10), primary_key=True),  # app, api, app-api
    sa.Column("name", key_text(160), primary_key=True),  # app_key, API name, or both with a colon
    sa.Column("day", sa.String(8), nullable=False),  # yyyymmdd, the platform's zone
    sa.Column("day_used", sa.BigInteger, nullable=False),
    sa.Column("last_s", sa.BigInteger, nullable=False, index=True),  # epoch, the newest second that it counted in
    sa.Column("minute_used", sa.BigInteger, nullable=False),
)
