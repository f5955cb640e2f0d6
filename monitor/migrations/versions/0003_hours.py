"""The hours at which a rule writes mails; rules that are there write them at all hours, as before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    days = sa.Column(
        "active_days", sa.String(13), nullable=False, server_default="", comment="1 = Monday … 7; empty = all"
    )
    op.add_column("alert_rule", days)
    op.add_column(
        "alert_rule", sa.Column("active_from", sa.String(5), comment="HH:MM, platform's zone; NULL = all day")
    )
    op.add_column("alert_rule", sa.Column("active_to", sa.String(5), comment="before active_from = on the next day"))


def downgrade() -> None:
    for column in ("active_to", "active_from", "active_days"):
        op.drop_column("alert_rule", column)
