"""Tables of the back office: operators, roles, menus, sessions, logins, and the record of everything they change."""

import sqlalchemy as sa

from admin_api.tables.metadata import LongText, flag, key_text, metadata, version
from openplatform.sql import BigId, UtcDateTime

menu = sa.Table(
    "menu",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("parent_id", sa.Integer, nullable=False),  # 0 = top level
    sa.Column("url", sa.String(500), nullable=False),
    sa.Column("icon", sa.String(30), nullable=False),
    sa.Column("perms", sa.String(100), nullable=False),
    sa.Column("type", sa.SmallInteger, nullable=False),  # 0 directory, 1 menu, 2 button
    sa.Column("order_num", sa.Integer, nullable=False),
    version(),
)

role = sa.Table(
    "role",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(100), nullable=False, unique=True),
    sa.Column("remark", sa.String(200), nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    flag("built_in"),  # 1 = the administrator's: every permission, cannot be edited
    version(),
)

role_menu = sa.Table(
    "role_menu",
    metadata,
    sa.Column("role_id", sa.Integer, sa.ForeignKey("role.id"), primary_key=True),
    sa.Column("menu_id", sa.Integer, sa.ForeignKey("menu.id"), primary_key=True),
)

admin_user = sa.Table(
    "admin_user",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("password", sa.String(255), nullable=False),
    sa.Column("email", key_text(100), nullable=False, unique=True),  # lower case
    sa.Column("real_name", sa.String(20), nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    flag("must_change_password"),
    version(),
)

operator_preferences = sa.Table(
    "operator_preferences",
    metadata,
    sa.Column("user_id", sa.Integer, sa.ForeignKey("admin_user.id"), primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON object: language, theme and what else they chose in the console
)

password_link = sa.Table(
    "password_link",
    metadata,
    sa.Column("token_hash", key_text(64), primary_key=True),  # SHA-256 of what the link holds
    sa.Column("user_id", sa.Integer, sa.ForeignKey("admin_user.id"), nullable=False, index=True),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("expire_time", UtcDateTime, nullable=False),
)

user_role = sa.Table(
    "user_role",
    metadata,
    sa.Column("user_id", sa.Integer, sa.ForeignKey("admin_user.id"), primary_key=True),
    sa.Column("role_id", sa.Integer, sa.ForeignKey("role.id"), primary_key=True),
)

operator_session = sa.Table(
    "operator_session",
    metadata,
    sa.Column("id_hash", key_text(64), primary_key=True),  # SHA-256 of what the cookie holds
    sa.Column("user_id", sa.Integer, sa.ForeignKey("admin_user.id"), nullable=False, index=True),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("seen_time", UtcDateTime, nullable=False),
    sa.Column("expire_time", UtcDateTime, nullable=False, index=True),
    sa.Column("remote_ip", sa.String(45), nullable=False),
    sa.Column("user_agent", sa.String(200), nullable=False),
)

login_log = sa.Table(
    "login_log",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("email", key_text(100), nullable=False),  # as typed, in lower case
    sa.Column("remote_ip", sa.String(45), nullable=False),
    sa.Column("user_agent", sa.String(200), nullable=False),
    sa.Column("outcome", sa.SmallInteger, nullable=False),  # 0 failed or under way, 1 succeeded, 2 refused while locked
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Index(None, "email", "create_time"),
    sa.Index(None, "remote_ip", "create_time"),
)

admin_audit_log = sa.Table(
    "admin_audit_log",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("create_time", UtcDateTime, nullable=False, index=True),
    sa.Column("user_id", sa.Integer, index=True),  # None = the platform itself
    sa.Column("who", sa.String(100), nullable=False),  # the e-mail then: users may be deleted later
    sa.Column("remote_ip", sa.String(45), nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("action", sa.String(50), nullable=False),
    sa.Column("table_name", sa.String(50), nullable=False),
    sa.Column("row_id", sa.String(100), nullable=False),
    sa.Column("before", LongText),  # JSON object of what changed, secrets masked
    sa.Column("after", LongText),
    sa.Index(None, "table_name", "row_id"),
)

DECIDE_ACCESS = frozenset(table.name for table in (menu, role, role_menu, admin_user, user_role, operator_session))
"""The tables whose rows say who is signed in and may do what."""
