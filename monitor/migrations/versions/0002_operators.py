"""What operators do with rules and alerts: edits, silences, acknowledgements; samples, dead addresses, windows by the second."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from openplatform.sql import BigId, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ADDRESS = sa.String(254).with_variant(mysql.VARCHAR(254, collation="utf8mb4_bin"), "mysql", "mariadb")
_KIND = "opened, reminder, closed, quota, digest, test"
_STATE = "waiting, sending, sent, bad, held, digested"


def upgrade() -> None:
    _add("alert_rule", "pending_windows", sa.Integer, "0", "over the limit that often without an alert")
    _add("alert_rule", "runbook_url", sa.String(500), "", "what to do then; shown in mails")
    _add("alert_rule", "built_in", sa.Boolean, "0", "made by the monitor: cannot be deleted")
    _add("alert_rule", "updated_by", sa.String(100), "", "operator's e-mail; empty = the monitor itself")
    op.add_column("alert_rule", sa.Column("deleted_at", UtcDateTime(), comment="its alerts and mails are still shown"))
    rule = sa.table("alert_rule", sa.column("name"), sa.column("built_in"))
    op.execute(rule.update().where(rule.c.name.in_(("default", "blind"))).values(built_in=sa.true()))

    op.add_column("alert_event", sa.Column("app_key", sa.String(50), comment="of a quota alert"))
    _add("alert_event", "over_windows", sa.Integer, "1", "windows over the limit, until now")
    _add("alert_event", "is_pending", sa.Boolean, "0", "over the limit, but not long enough for an alert")
    op.add_column("alert_event", sa.Column("threshold", sa.Double, comment="the rule's limit when it opened"))
    op.add_column("alert_event", sa.Column("acked_at", UtcDateTime()))
    _add("alert_event", "acked_by", sa.String(100), "")
    _add("alert_event", "ack_note", sa.String(500), "")
    with op.batch_alter_table("alert_event") as batch:
        batch.alter_column(
            "notified_at",
            existing_type=UtcDateTime(),
            nullable=True,
            comment="end of the window that last wrote a mail; NULL = nobody was told",
            existing_comment="end of the window that last wrote a mail",
        )
    op.create_index("ix_alert_event_thread_id", "alert_event", ["thread_id"])

    _add("mail_outbox", "language", sa.String(2), "zh", "zh, en")
    op.create_index("ix_mail_outbox_recipient_create_time", "mail_outbox", ["recipient", "create_time"])
    op.create_index("ix_mail_outbox_thread_id", "mail_outbox", ["thread_id"])
    _say_of_mails(_KIND, _STATE)

    op.create_table(
        "alert_sample",
        sa.Column("event_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False, comment="end of the window"),
        sa.Column("value", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["alert_event.id"], name="fk_alert_sample_event_id"),
        sa.PrimaryKeyConstraint("event_id", "at", name="pk_alert_sample"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "alert_silence",
        sa.Column("id", BigId, nullable=False),
        sa.Column("rule_id", sa.BigInteger, comment="NULL = any rule"),
        sa.Column("api_name", sa.String(100), comment="NULL = any API"),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), comment="taken back before its time"),
        sa.Column("ended_by", sa.String(100), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rule.id"], name="fk_alert_silence_rule_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_silence"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_alert_silence_until", "alert_silence", ["until"])
    op.create_table(
        "refused_address",
        sa.Column("address", ADDRESS, nullable=False),
        sa.Column("reason", sa.String(255), nullable=False, comment="what its mail server said"),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_refused_address"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "evaluated_window",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False, comment="always 1: the table has one row"),
        sa.Column(
            "ended_s", sa.BigInteger, nullable=False, comment="seconds since the epoch; 0 = none yet; only grows"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_evaluated_window"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.execute("INSERT INTO evaluated_window (id, ended_s) SELECT id, minute * 60 FROM evaluated_minute")
    op.drop_table("evaluated_minute")


def downgrade() -> None:
    op.create_table(
        "evaluated_minute",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False, comment="always 1: the table has one row"),
        sa.Column("minute", sa.BigInteger, nullable=False, comment="minutes since the epoch; 0 = none yet; only grows"),
        sa.PrimaryKeyConstraint("id", name="pk_evaluated_minute"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.execute("INSERT INTO evaluated_minute (id, minute) SELECT id, FLOOR(ended_s / 60) FROM evaluated_window")
    for table in ("evaluated_window", "refused_address", "alert_silence", "alert_sample"):
        op.drop_table(table)
    _say_of_mails("opened, reminder, closed", "waiting, sending, sent, bad (refused for good)")
    op.execute("DELETE FROM mail_outbox WHERE state IN ('held', 'digested')")
    op.drop_index("ix_mail_outbox_thread_id", "mail_outbox")
    op.drop_index("ix_mail_outbox_recipient_create_time", "mail_outbox")
    op.drop_column("mail_outbox", "language")
    op.drop_index("ix_alert_event_thread_id", "alert_event")
    op.execute("UPDATE alert_event SET notified_at = opened_at WHERE notified_at IS NULL")
    with op.batch_alter_table("alert_event") as batch:
        batch.alter_column(
            "notified_at",
            existing_type=UtcDateTime(),
            nullable=False,
            comment="end of the window that last wrote a mail",
        )
    for column in ("app_key", "over_windows", "is_pending", "threshold", "acked_at", "acked_by", "ack_note"):
        op.drop_column("alert_event", column)
    for column in ("pending_windows", "runbook_url", "built_in", "updated_by", "deleted_at"):
        op.drop_column("alert_rule", column)


def _add(table: str, name: str, kind: Any, default: str, comment: str = "") -> None:
    """A column that rows which are there already get the default in."""
    column = sa.Column(name, kind, nullable=False, server_default=sa.text(f"'{default}'"), comment=comment or None)
    op.add_column(table, column)


def _say_of_mails(kind: str, state: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        return  # keeps no comments
    op.alter_column("mail_outbox", "kind", existing_type=sa.String(10), existing_nullable=False, comment=kind)
    op.alter_column("mail_outbox", "state", existing_type=sa.String(10), existing_nullable=False, comment=state)
