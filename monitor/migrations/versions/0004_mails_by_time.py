"""The list of mails has an index in its order: skipping many read their texts."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_mail_outbox_create_time", "mail_outbox", ["create_time"])


def downgrade() -> None:
    op.drop_index("ix_mail_outbox_create_time", "mail_outbox")
