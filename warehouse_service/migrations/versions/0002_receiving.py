"""Movements say what goods cost; orders that were cancelled hold nothing any more."""

import sqlalchemy as sa
from alembic import op

from openplatform.sql import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KINDS_BEFORE = "what: opening, lock, unlock, deduct"


def upgrade() -> None:
    op.create_table(
        "stock_closed",
        sa.Column("vender_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("vender_id", "order_id", name="pk_stock_closed"),
        comment="orders that were cancelled: nothing is held for them any more",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("stock_movement") as movement:
        movement.add_column(sa.Column("unit_cost", sa.Numeric(8, 2), comment="of received goods, yuan"))
        movement.add_column(
            sa.Column("cost_before", sa.Numeric(8, 2), comment="average cost; NULL = not recorded yet at that time")
        )
        movement.add_column(sa.Column("cost_after", sa.Numeric(8, 2)))
        _comment_kinds(movement, _KINDS_BEFORE, f"{_KINDS_BEFORE}, inbound, receive")


def downgrade() -> None:
    with op.batch_alter_table("stock_movement") as movement:
        _comment_kinds(movement, f"{_KINDS_BEFORE}, inbound, receive", _KINDS_BEFORE)
        movement.drop_column("cost_after")
        movement.drop_column("cost_before")
        movement.drop_column("unit_cost")
    op.drop_table("stock_closed")


def _comment_kinds(movement: object, before: str, after: str) -> None:
    movement.alter_column(  # type: ignore[attr-defined]  # alembic's BatchOperations has no public name
        "kind",
        existing_type=sa.String(20),
        existing_nullable=False,
        comment=after,
        existing_comment=before,
    )
