"""What the console asks of the database: operators' preferences, links to set a password once, permissions to export."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OPERATOR = 2
# id, menu above, permission; the operator's role gets those of the gateway
_EXPORTS = (
    (134, 13, "gw:token:export"), (155, 15, "gw:customer:export"), (165, 16, "gw:recharge:export"), (441, 44, "sys:audit:export"),
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "operator_preferences",
        sa.Column("user_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        sa.ForeignKeyConstraint(["user_id"], ["admin_user.id"]),
    )
    op.create_table(
        "password_link",
        sa.Column(
            "token_hash",
            sa.String(64).with_variant(
                mysql.VARCHAR(64, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("create_time", _moment(), nullable=False),
        sa.Column("expire_time", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["admin_user.id"]),
    )
    op.create_index("ix_password_link_user_id", "password_link", ["user_id"])
    op.execute(sa.table("idempotency_key").delete())  # answers are sealed from now on
    connection = op.get_bind()
    menu = _table("menu", "id", "name", "parent_id", "url", "icon", "perms", "type", "order_num", "version")
    role = _table("role", "id")
    for button, above, perms in _EXPORTS:
        if not _there_is(connection, menu, above) or _there_is(connection, menu, button):
            continue
        row = {
            "id": button, "name": "导出", "parent_id": above, "url": "", "icon": "", "perms": perms, "type": 2,
            "order_num": button % 10, "version": 1,
        }  # fmt: skip
        op.bulk_insert(menu, [row])
        if perms.startswith("gw:") and _there_is(connection, role, _OPERATOR):
            op.bulk_insert(_table("role_menu", "role_id", "menu_id"), [{"role_id": _OPERATOR, "menu_id": button}])


def downgrade() -> None:
    role_menu, menu = _table("role_menu", "menu_id"), _table("menu", "id")
    buttons = [button for button, _, _ in _EXPORTS]
    op.execute(role_menu.delete().where(role_menu.c.menu_id.in_(buttons)))
    op.execute(menu.delete().where(menu.c.id.in_(buttons)))
    op.drop_table("password_link")
    op.drop_table("operator_preferences")


def _moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _there_is(connection: sa.Connection, table: sa.TableClause, row_id: int) -> bool:
    return connection.execute(sa.select(table.c.id).where(table.c.id == row_id)).first() is not None


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))
