"""Admission counters are kept in SQL, for a Redis that loses them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    name = sa.String(160).with_variant(
        mysql.VARCHAR(160, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
    )
    op.create_table(
        "quota_counter",
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", name, nullable=False),
        sa.Column("day", sa.String(8), nullable=False),
        sa.Column("day_used", sa.BigInteger, nullable=False),
        sa.Column("last_s", sa.BigInteger, nullable=False),
        sa.Column("minute_used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_index("ix_quota_counter_last_s", "quota_counter", ["last_s"])


def downgrade() -> None:
    op.drop_table("quota_counter")
