"""What every installation starts with: the menu tree, three roles, the protocol's system parameters, the mutexes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# id, name, url, perms, and for a menu its buttons as (name, perms); a directory has neither url nor perms.
# The parent is the id without its last digit; buttons are numbered from 1 under their menu.
_QUERY, _ADD, _EDIT, _REMOVE = "查询", "新增", "修改", "删除"
_TREE: tuple[tuple[int, str, str, str, tuple[tuple[str, str], ...]], ...] = (
    (5, "概览", "/", "dash:view", ()),
    (1, "网关管理", "", "", ()),
    (11, "应用管理", "/apps", "gw:app:list", (
        (_QUERY, "gw:app:query"), (_ADD, "gw:app:add"), (_EDIT, "gw:app:edit"), (_REMOVE, "gw:app:remove"),
        ("导出", "gw:app:export"), ("重置密钥", "gw:app:resetSecret"))),
    (12, "API映射", "/mappings", "gw:mapping:list", (
        (_QUERY, "gw:mapping:query"), (_ADD, "gw:mapping:add"), (_EDIT, "gw:mapping:edit"), (_REMOVE, "gw:mapping:remove"),
        ("导出", "gw:mapping:export"), ("导入", "gw:mapping:import"))),
    (13, "TOKEN管理", "/tokens", "gw:token:list", (
        (_QUERY, "gw:token:query"), ("录入", "gw:token:add"), ("吊销", "gw:token:revoke"))),
    (14, "限流策略", "/limits", "gw:limit:list", ((_EDIT, "gw:limit:edit"), ("重置计数", "gw:limit:reset"))),
    (15, "客户管理", "/customers", "gw:customer:list", (
        (_QUERY, "gw:customer:query"), (_ADD, "gw:customer:add"), (_EDIT, "gw:customer:edit"),
        (_REMOVE, "gw:customer:remove"))),
    (16, "充值管理", "/recharges", "gw:recharge:list", (
        (_QUERY, "gw:recharge:query"), (_ADD, "gw:recharge:add"), ("确认到账", "gw:recharge:pay"),
        ("取消", "gw:recharge:cancel"))),
    (17, "系统参数", "/sysparams", "gw:param:list", (
        (_QUERY, "gw:param:query"), (_ADD, "gw:param:add"), (_EDIT, "gw:param:edit"), (_REMOVE, "gw:param:remove"))),
    (18, "API测试台", "/try", "gw:try", ()),
    (2, "日志与统计", "", "", ()),
    (21, "日志搜索", "/logs", "log:search", (("详情", "log:view"), ("导出", "log:export"))),
    (22, "API统计", "/stats", "stat:view", ()),
    (23, "今日排行", "/rank", "gw:rank:view", ()),
    (3, "监控报警", "", "", ()),
    (31, "报警规则", "/alerts/rules", "alert:rule:list", (
        (_QUERY, "alert:rule:query"), (_ADD, "alert:rule:add"), (_EDIT, "alert:rule:edit"), (_REMOVE, "alert:rule:remove"),
        ("试发", "alert:rule:test"))),
    (32, "报警事件", "/alerts", "alert:view", (("确认", "alert:ack"), ("静默", "alert:silence"))),
    (4, "系统管理", "", "", ()),
    (41, "用户", "/sys/users", "sys:user:list", (
        (_QUERY, "sys:user:query"), (_ADD, "sys:user:add"), (_EDIT, "sys:user:edit"), (_REMOVE, "sys:user:remove"),
        ("重置密码", "sys:user:resetPwd"), ("强制下线", "sys:user:kick"))),
    (42, "角色", "/sys/roles", "sys:role:list", (
        (_QUERY, "sys:role:query"), (_ADD, "sys:role:add"), (_EDIT, "sys:role:edit"), (_REMOVE, "sys:role:remove"))),
    (43, "菜单", "/sys/menus", "sys:menu:list", (
        (_QUERY, "sys:menu:query"), (_ADD, "sys:menu:add"), (_EDIT, "sys:menu:edit"), (_REMOVE, "sys:menu:remove"))),
    (44, "审计日志", "/sys/audit", "sys:audit:view", ()),
    (45, "登录日志", "/sys/logins", "sys:audit:view", ()),
    (46, "健康与任务", "/sys/health", "sys:health:view", (("重放", "sys:health:replay"),)),
)  # fmt: skip

_ICONS = {
    5: "dashboard", 1: "gateway", 11: "apps", 12: "route", 13: "key", 14: "gauge", 15: "users", 16: "coin", 17: "adjustments",
    18: "flask", 2: "report", 21: "search", 22: "chart-bar", 23: "trophy", 3: "bell", 31: "bell-cog", 32: "alert-triangle",
    4: "settings", 41: "user", 42: "shield", 43: "menu", 44: "history", 45: "login", 46: "heartbeat",
}  # fmt: skip

_ADMINISTRATOR, _OPERATOR, _READER = 1, 2, 3
_ROLES = (
    (_ADMINISTRATOR, "administrator", "管理员：全部权限，不可修改", 1),
    (_OPERATOR, "operator", "操作员：网关、日志、报警的日常运维", 0),
    (_READER, "read-only", "只读：查看，不可修改", 0),
)

_PARAMS = (
    ("method", "public API name"),
    ("app_key", "public key of the application"),
    ("timestamp", "yyyy-MM-dd HH:mm:ss at GMT+8, or epoch milliseconds"),
    ("v", "protocol version, 2.0"),
    ("sign", "signature of all parameters"),
)


def upgrade() -> None:
    menus = _menus()
    op.bulk_insert(
        _table("menu", "id", "name", "parent_id", "url", "icon", "perms", "type", "order_num", "version"), menus
    )
    op.bulk_insert(
        _table("role", "id", "name", "remark", "status", "built_in", "version"),
        [
            {"id": i, "name": name, "remark": remark, "status": 1, "built_in": built_in, "version": 1}
            for i, name, remark, built_in in _ROLES
        ],
    )
    grants = [{"role_id": _OPERATOR, "menu_id": m["id"]} for m in menus if not str(m["perms"]).startswith("sys:")]
    grants += [{"role_id": _READER, "menu_id": m["id"]} for m in menus if _only_shows(str(m["perms"]))]
    op.bulk_insert(_table("role_menu", "role_id", "menu_id"), [g for g in grants if g["menu_id"] != 4])
    op.bulk_insert(
        _table("api_systemparam", "name", "description", "state", "version"),
        [{"name": name, "description": text, "state": 1, "version": 1} for name, text in _PARAMS],
    )
    op.bulk_insert(_table("mutex", "name"), [{"name": name} for name in ("config", "login", "access")])


def downgrade() -> None:
    for table in ("mutex", "api_systemparam", "role_menu", "user_role", "role", "menu"):
        op.execute(sa.table(table).delete())


def _menus() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for order, (menu_id, name, url, perms, buttons) in enumerate(_TREE, start=1):
        kind = 1 if url else 0
        rows.append(_row(menu_id, name, menu_id // 10, url, _ICONS[menu_id], perms, kind, order))
        rows += [
            _row(menu_id * 10 + n, button, menu_id, "", "", permission, 2, n)
            for n, (button, permission) in enumerate(buttons, start=1)
        ]
    return rows


def _row(
    menu_id: int, name: str, parent_id: int, url: str, icon: str, perms: str, kind: int, order: int
) -> dict[str, object]:
    return {
        "id": menu_id, "name": name, "parent_id": parent_id, "url": url, "icon": icon, "perms": perms, "type": kind,
        "order_num": order, "version": 1,
    }  # fmt: skip


def _only_shows(perms: str) -> bool:
    return not perms or (perms.endswith((":list", ":query", ":view", ":search")) and not perms.startswith("sys:"))


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))
