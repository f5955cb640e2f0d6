"""The back office: menus, roles, operators, sessions, audit; and the outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = (
    "menu",
    "role",
    "role_menu",
    "admin_user",
    "user_role",
    "operator_session",
    "login_log",
    "admin_audit_log",
    "config_outbox",
    "idempotency_key",
    "mutex",
)

_INDEXES = (
    ("operator_session", ("user_id",)),
    ("operator_session", ("expire_time",)),
    ("login_log", ("email", "create_time")),
    ("login_log", ("remote_ip", "create_time")),
    ("admin_audit_log", ("create_time",)),
    ("admin_audit_log", ("user_id",)),
    ("admin_audit_log", ("table_name", "row_id")),
    ("config_outbox", ("sent_time",)),
    ("idempotency_key", ("create_time",)),
)

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def _key(length: int) -> sa.types.TypeEngine[str]:
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(exact, "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "menu",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("parent_id", sa.Integer, nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("icon", sa.String(30), nullable=False),
        sa.Column("perms", sa.String(100), nullable=False),
        sa.Column("type", sa.SmallInteger, nullable=False),
        sa.Column("order_num", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "role",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("remark", sa.String(200), nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("built_in", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="uq_role_name"),
    )
    op.create_table(
        "role_menu",
        sa.Column("role_id", sa.Integer, nullable=False),
        sa.Column("menu_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["menu_id"], ["menu.id"], name="fk_role_menu_menu_id"),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name="fk_role_menu_role_id"),
        sa.PrimaryKeyConstraint("role_id", "menu_id"),
    )
    op.create_table(
        "admin_user",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("email", _key(100), nullable=False),
        sa.Column("real_name", sa.String(20), nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("must_change_password", sa.SmallInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email", name="uq_admin_user_email"),
    )
    op.create_table(
        "user_role",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("role_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name="fk_user_role_role_id"),
        sa.ForeignKeyConstraint(["user_id"], ["admin_user.id"], name="fk_user_role_user_id"),
        sa.PrimaryKeyConstraint("user_id", "role_id"),
    )
    op.create_table(
        "operator_session",
        sa.Column("id_hash", _key(64), nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("seen_time", _TIME, nullable=False),
        sa.Column("expire_time", _TIME, nullable=False),
        sa.Column("remote_ip", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["admin_user.id"], name="fk_operator_session_user_id"),
        sa.PrimaryKeyConstraint("id_hash"),
    )
    op.create_table(
        "login_log",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("email", _key(100), nullable=False),
        sa.Column("remote_ip", sa.String(45), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.Column("outcome", sa.SmallInteger, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "admin_audit_log",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("remote_ip", sa.String(45), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("table_name", sa.String(50), nullable=False),
        sa.Column("row_id", sa.String(100), nullable=False),
        sa.Column("before", _LONG_TEXT),
        sa.Column("after", _LONG_TEXT),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "config_outbox",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("key", _key(255), nullable=False),
        sa.Column("body", _LONG_TEXT),
        sa.Column("expire_at_ms", sa.BigInteger),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("sent_time", _TIME),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "idempotency_key",
        sa.Column("user_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("key", _key(100), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("answer", _LONG_TEXT, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key"),
    )
    op.create_table("mutex", sa.Column("name", _key(20), nullable=False), sa.PrimaryKeyConstraint("name"))
    for table, columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
