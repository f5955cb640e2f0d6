"""The first tables of monitor, and the one row of evaluated_minute."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from openplatform.sql import BigId, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RECIPIENT = sa.String(254).with_variant(mysql.VARCHAR(254, collation="utf8mb4_bin"), "mysql", "mariadb")
BODY = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "alert_rule",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("api_name", sa.String(100), comment="NULL = all APIs that have no rule of their own for the metric"),
        sa.Column(
            "metric", sa.String(20), nullable=False, comment="mean_ms, p95_ms, error_rate (percent), blind (lag, s)"
        ),
        sa.Column("threshold", sa.Double, nullable=False, comment="in the metric's unit; over it = alert"),
        sa.Column("window_s", sa.Integer, nullable=False),
        sa.Column("min_calls", sa.Integer, nullable=False, comment="below it an API is not judged"),
        sa.Column("severity", sa.String(10), nullable=False, comment="critical, warning"),
        sa.Column("recipients", sa.String(2000), nullable=False, comment="mail addresses, comma-separated"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column(
            "version", sa.Integer, nullable=False, comment="1 = follows the settings, more = edited by operators"
        ),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.Column("update_time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rule"),
        sa.UniqueConstraint("name", name="uq_alert_rule_name"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "alert_event",
        sa.Column("id", BigId, nullable=False),
        sa.Column("rule_id", sa.BigInteger, nullable=False),
        sa.Column("alert_group", sa.String(50), nullable=False, comment="events of one group share mails"),
        sa.Column("api_name", sa.String(100), comment="NULL = the rule watches no single API"),
        sa.Column("value", sa.Double, comment="latest, in the metric's unit; NULL = nothing could be asked"),
        sa.Column("peak", sa.Double, comment="worst so far"),
        sa.Column("calls", sa.BigInteger),
        sa.Column("errors", sa.BigInteger),
        sa.Column("p95_ms", sa.Double),
        sa.Column("detail", sa.String(255), nullable=False),
        sa.Column("thread_id", sa.String(250), nullable=False, comment="what its mails refer to"),
        sa.Column("clean_windows", sa.Integer, nullable=False, comment="windows under the limit in a row, until now"),
        sa.Column("opened_at", UtcDateTime(), nullable=False, comment="end of the first window over the limit"),
        sa.Column("seen_at", UtcDateTime(), nullable=False, comment="end of the latest window over the limit"),
        sa.Column("notified_at", UtcDateTime(), nullable=False, comment="end of the window that last wrote a mail"),
        sa.Column("closed_at", UtcDateTime(), comment="NULL = open"),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rule.id"], name="fk_alert_event_rule_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_event"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_alert_event_closed_at_rule_id", "alert_event", ["closed_at", "rule_id"])
    op.create_table(
        "mail_outbox",
        sa.Column("id", BigId, nullable=False),
        sa.Column("rule_id", sa.BigInteger, nullable=False),
        sa.Column("alert_group", sa.String(50), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False, comment="opened, reminder, closed"),
        sa.Column("recipient", RECIPIENT, nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("body_text", BODY, nullable=False),
        sa.Column("body_html", BODY, nullable=False),
        sa.Column("message_id", sa.String(250), nullable=False),
        sa.Column("thread_id", sa.String(250), nullable=False),
        sa.Column("state", sa.String(10), nullable=False, comment="waiting, sending, sent, bad (refused for good)"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column(
            "next_at", UtcDateTime(), nullable=False, comment="not before; while sending: given up by its sender then"
        ),
        sa.Column("last_error", sa.String(255), nullable=False),
        sa.Column("create_time", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rule.id"], name="fk_mail_outbox_rule_id"),
        sa.PrimaryKeyConstraint("id", name="pk_mail_outbox"),
        sa.UniqueConstraint("rule_id", "alert_group", "window_start", "kind", "recipient", name="uq_mail_outbox_alert"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_mail_outbox_state_next_at", "mail_outbox", ["state", "next_at"])
    minute = op.create_table(
        "evaluated_minute",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False, comment="always 1: the table has one row"),
        sa.Column("minute", sa.BigInteger, nullable=False, comment="minutes since the epoch; 0 = none yet; only grows"),
        sa.PrimaryKeyConstraint("id", name="pk_evaluated_minute"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.bulk_insert(minute, [{"id": 1, "minute": 0}])


def downgrade() -> None:
    op.drop_table("evaluated_minute")
    op.drop_table("mail_outbox")
    op.drop_table("alert_event")
    op.drop_table("alert_rule")
