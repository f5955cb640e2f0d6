"""A system parameter has a type, and may have a default; those that were there take any text, as they did."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "api_systemparam", sa.Column("value_type", sa.String(20), server_default=sa.text("'string'"), nullable=False)
    )
    op.add_column(
        "api_systemparam", sa.Column("default_value", sa.String(100), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("api_systemparam", sa.Column("choices", sa.Text))


def downgrade() -> None:
    for name in ("choices", "default_value", "value_type"):
        op.drop_column("api_systemparam", name)
