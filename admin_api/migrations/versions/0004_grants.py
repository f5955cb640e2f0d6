"""Grants come into force: their permission, and what was callable before stays callable.

Until now any app could call any API, and a session's scope was free text that nobody read. So every API that exists becomes
open and every scope empty (= everything); operators close the APIs that they want to grant one by one. New APIs are closed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_APPS_MENU, _GRANT_BUTTON, _OPERATOR = 11, 117, 2


def upgrade() -> None:
    connection = op.get_bind()
    menu = _table("menu", "id", "name", "parent_id", "url", "icon", "perms", "type", "order_num", "version")
    role_menu = _table("role_menu", "role_id", "menu_id")
    if _there_is(connection, menu, _APPS_MENU):
        button = {
            "id": _GRANT_BUTTON, "name": "授权", "parent_id": _APPS_MENU, "url": "", "icon": "", "perms": "gw:app:grant",
            "type": 2, "order_num": 7, "version": 1,
        }  # fmt: skip
        op.bulk_insert(menu, [button])
        if _there_is(connection, _table("role", "id"), _OPERATOR):
            op.bulk_insert(role_menu, [{"role_id": _OPERATOR, "menu_id": _GRANT_BUTTON}])
    mapping = _table("app_mapping", "is_open", "version")
    op.execute(mapping.update().values(is_open=1, version=mapping.c.version + 1))
    op.execute(_table("user_token", "scope").update().values(scope=""))


def downgrade() -> None:
    role_menu, menu = _table("role_menu", "menu_id"), _table("menu", "id")
    op.execute(role_menu.delete().where(role_menu.c.menu_id == _GRANT_BUTTON))
    op.execute(menu.delete().where(menu.c.id == _GRANT_BUTTON))


def _there_is(connection: sa.Connection, table: sa.TableClause, row_id: int) -> bool:
    return connection.execute(sa.select(table.c.id).where(table.c.id == row_id)).first() is not None


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))
