"""Changes of orders are numbered; intents of every kind take the place of cancellations; orders say who carries them."""

import sqlalchemy as sa
from alembic import op

from openplatform.sql import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SEQ = "the merchant's last change of it, see order_sequence"
_SHARED = "order_id, vender_id, reason, app_key, request_id, requested, attempts, next_attempt, finished"
_NUMBERED = (
    "SELECT id AS row_id, ROW_NUMBER() OVER (PARTITION BY vender_id ORDER BY modified, id) AS n FROM pop_order_data"
)


def upgrade() -> None:
    with op.batch_alter_table("pop_order_data") as orders:
        orders.add_column(sa.Column("carrier", sa.String(50), comment="who carries it"))
        orders.add_column(sa.Column("change_seq", sa.BigInteger, comment=_SEQ))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"UPDATE pop_order_data SET change_seq = o.n FROM ({_NUMBERED}) AS o WHERE o.row_id = id")  # noqa: S608
    else:
        op.execute(f"UPDATE pop_order_data JOIN ({_NUMBERED}) AS o ON o.row_id = id SET change_seq = o.n")  # noqa: S608
    with op.batch_alter_table("pop_order_data") as orders:
        orders.alter_column("change_seq", existing_type=sa.BigInteger(), nullable=False, existing_comment=_SEQ)
    op.create_index("ix_pop_order_data_vender_id_change_seq", "pop_order_data", ["vender_id", "change_seq"])
    op.create_table(
        "order_sequence",
        sa.Column("vender_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("last_modified", UtcDateTime(), nullable=False, comment="no later change has an earlier one"),
        sa.PrimaryKeyConstraint("vender_id", name="pk_order_sequence"),
        comment="numbers the changes of a merchant's orders in the order in which they are committed",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.execute(
        "INSERT INTO order_sequence (vender_id, last_seq, last_modified) "
        "SELECT vender_id, MAX(change_seq), MAX(modified) FROM pop_order_data GROUP BY vender_id"
    )
    op.create_table(
        "order_intent",
        sa.Column("order_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False, comment="cancel, ship"),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("carrier", sa.String(50), comment="of a shipment"),
        sa.Column("waybill", sa.String(40), comment="of a shipment"),
        sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("requested", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, comment="after the first, by callers and the sweeper"),
        sa.Column("next_attempt", UtcDateTime(), nullable=False, comment="when the sweeper tries next"),
        sa.Column(
            "finished", UtcDateTime(), comment="NULL = the warehouse has not done its part yet, no other move allowed"
        ),
        sa.PrimaryKeyConstraint("order_id", "kind", name="pk_order_intent"),
        comment="what is to be done with an order, stored before the warehouse is asked",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_order_intent_finished_next_attempt", "order_intent", ["finished", "next_attempt"])
    op.execute(
        f"INSERT INTO order_intent (kind, {_SHARED}) SELECT 'cancel', {_SHARED} FROM order_cancellation"  # noqa: S608
    )
    op.drop_table("order_cancellation")


def downgrade() -> None:
    op.create_table(
        "order_cancellation",
        sa.Column("order_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("vender_id", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("app_key", sa.String(50), nullable=False, comment="who: the app that asked"),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("requested", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, comment="by the sweeper"),
        sa.Column("next_attempt", UtcDateTime(), nullable=False, comment="when the sweeper tries next"),
        sa.Column("finished", UtcDateTime(), comment="NULL = stock not released yet, no other move allowed"),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_cancellation"),
        comment="the intent to cancel, stored before the stock is released",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_order_cancellation_finished_next_attempt", "order_cancellation", ["finished", "next_attempt"])
    op.execute(
        f"INSERT INTO order_cancellation ({_SHARED}) SELECT {_SHARED} FROM order_intent WHERE kind = 'cancel'"  # noqa: S608
    )
    op.drop_table("order_intent")
    op.drop_table("order_sequence")
    op.drop_index("ix_pop_order_data_vender_id_change_seq", "pop_order_data")
    with op.batch_alter_table("pop_order_data") as orders:
        orders.drop_column("change_seq")
        orders.drop_column("carrier")
