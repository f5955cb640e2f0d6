"""Kept answers of an API can be purged: its purges are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not by batch_alter_table: it would copy the table on SQLite, and grants refer to it.
    op.add_column("app_mapping", sa.Column("cache_epoch", sa.Integer, server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("app_mapping", "cache_epoch")
