"""The monitor's database. migrations/ builds what stands here. Times are UTC."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from openplatform.sql import NAMING, BigId, UtcDateTime

metadata = sa.MetaData(naming_convention=NAMING)

# Compared byte by byte: MySQL's default collation takes `Ops@x` and `ops@x` for one recipient and would refuse the second mail.
Address = sa.String(254).with_variant(mysql.VARCHAR(254, collation="utf8mb4_bin"), "mysql", "mariadb")
# A table of fifty APIs as HTML passes the 64 KiB of TEXT.
Body = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

alert_rule = sa.Table(
    "alert_rule",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, unique=True),
    sa.Column("api_name", sa.String(100), comment="NULL = all APIs that have no rule of their own for the metric"),
    sa.Column("metric", sa.String(20), nullable=False, comment="mean_ms, p95_ms, error_rate (percent), blind (lag, s)"),
    sa.Column("threshold", sa.Double, nullable=False, comment="in the metric's unit; over it = alert"),
    sa.Column("window_s", sa.Integer, nullable=False),
    sa.Column("min_calls", sa.Integer, nullable=False, comment="below it an API is not judged"),
    sa.Column("severity", sa.String(10), nullable=False, comment="critical, warning"),
    sa.Column("recipients", sa.String(2000), nullable=False, comment="mail addresses, comma-separated"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="1 = follows the settings, more = edited by operators"),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("update_time", UtcDateTime, nullable=False),
    sa.Column("pending_windows", sa.Integer, nullable=False, comment="over the limit that often without an alert"),
    sa.Column("runbook_url", sa.String(500), nullable=False, comment="what to do then; shown in mails"),
    sa.Column("built_in", sa.Boolean, nullable=False, comment="made by the monitor: cannot be deleted"),
    sa.Column("updated_by", sa.String(100), nullable=False, comment="operator's e-mail; empty = the monitor itself"),
    sa.Column("deleted_at", UtcDateTime, comment="its alerts and mails are still shown"),
    sa.Column("active_days", sa.String(13), nullable=False, comment="1 = Monday … 7; empty = all"),
    sa.Column("active_from", sa.String(5), comment="HH:MM, platform's zone; NULL = all day"),
    sa.Column("active_to", sa.String(5), comment="before active_from = on the next day"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

alert_event = sa.Table(
    "alert_event",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("rule_id", sa.BigInteger, sa.ForeignKey("alert_rule.id"), nullable=False),
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
    sa.Column("opened_at", UtcDateTime, nullable=False, comment="end of the first window over the limit"),
    sa.Column("seen_at", UtcDateTime, nullable=False, comment="end of the latest window over the limit"),
    sa.Column("notified_at", UtcDateTime, comment="end of the window that last wrote a mail; NULL = nobody was told"),
    sa.Column("closed_at", UtcDateTime, comment="NULL = open"),
    sa.Column("app_key", sa.String(50), comment="of a quota alert"),
    sa.Column("over_windows", sa.Integer, nullable=False, comment="windows over the limit, until now"),
    sa.Column("is_pending", sa.Boolean, nullable=False, comment="over the limit, but not long enough for an alert"),
    sa.Column("threshold", sa.Double, comment="the rule's limit when it opened"),
    sa.Column("acked_at", UtcDateTime),
    sa.Column("acked_by", sa.String(100), nullable=False),
    sa.Column("ack_note", sa.String(500), nullable=False),
    sa.Index(None, "closed_at", "rule_id"),
    sa.Index(None, "thread_id"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

alert_sample = sa.Table(
    "alert_sample",
    metadata,
    sa.Column("event_id", sa.BigInteger, sa.ForeignKey("alert_event.id"), primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, primary_key=True, comment="end of the window"),
    sa.Column("value", sa.Double, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

alert_silence = sa.Table(
    "alert_silence",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("rule_id", sa.BigInteger, sa.ForeignKey("alert_rule.id"), comment="NULL = any rule"),
    sa.Column("api_name", sa.String(100), comment="NULL = any API"),
    sa.Column("until", UtcDateTime, nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, comment="taken back before its time"),
    sa.Column("ended_by", sa.String(100), nullable=False),
    sa.Index(None, "until"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

mail_outbox = sa.Table(
    "mail_outbox",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("rule_id", sa.BigInteger, sa.ForeignKey("alert_rule.id"), nullable=False),
    sa.Column("alert_group", sa.String(50), nullable=False),
    sa.Column("window_start", UtcDateTime, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False, comment="opened, reminder, closed, quota, digest, test"),
    sa.Column("recipient", Address, nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("body_text", Body, nullable=False),
    sa.Column("body_html", Body, nullable=False),
    sa.Column("message_id", sa.String(250), nullable=False),
    sa.Column("thread_id", sa.String(250), nullable=False),
    sa.Column("state", sa.String(10), nullable=False, comment="waiting, sending, sent, bad, held, digested"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False, comment="not before; while sending: given up by its sender then"),
    sa.Column("last_error", sa.String(255), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("language", sa.String(2), nullable=False, comment="zh, en"),
    # The last word on "one mail per alert": whatever locks do, a second row does not go in.
    sa.UniqueConstraint("rule_id", "alert_group", "window_start", "kind", "recipient", name="uq_mail_outbox_alert"),
    sa.Index(None, "state", "next_at"),
    sa.Index(None, "recipient", "create_time"),
    sa.Index(None, "create_time"),
    sa.Index(None, "thread_id"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

refused_address = sa.Table(
    "refused_address",
    metadata,
    sa.Column("address", Address, primary_key=True),
    sa.Column("reason", sa.String(255), nullable=False, comment="what its mail server said"),
    sa.Column("since", UtcDateTime, nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

evaluated_window = sa.Table(
    "evaluated_window",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, comment="always 1: the table has one row"),
    sa.Column("ended_s", sa.BigInteger, nullable=False, comment="seconds since the epoch; 0 = none yet; only grows"),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)
