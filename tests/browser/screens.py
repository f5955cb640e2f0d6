"""All screens: each is looked at in both languages and themes, by axe-core, wide and narrow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Screen:
    """name: of its pictures; path: where it is; opens: a selector to click first, for what is only seen after it."""

    name: str
    path: str
    opens: str = ""


SCREENS = [
    Screen("overview", "/"),
    Screen("password", "/me/password"),
    Screen("account-menu", "/me/password", opens="[data-account]"),
    Screen("api-docs", "/api/docs"),
    Screen("logs", "/logs?range=7d&q=order_id&min_ms=2"),
    Screen("logs-expanded", "/logs?range=7d&size=20", opens="[data-expand]"),
    Screen("log-drawer", "/logs?range=7d&size=20", opens="[data-open-log]"),
    Screen("logs-nothing", "/logs?range=7d&api_name=nothing"),
    Screen("logs-export", "/logs?range=7d&size=20", opens="[data-exports] summary"),
    Screen("health", "/sys/health"),
    Screen("stats", "/stats?range=7d"),
    Screen("stats-time", "/stats?range=7d&by=time"),
    Screen("stats-error", "/stats?range=7d&by=error&sort=-mean_ms"),
    Screen("users", "/sys/users"),
    Screen("user-new", "/sys/users/new"),
    Screen("user", "/sys/users/1"),
    Screen("roles", "/sys/roles"),
    Screen("role", "/sys/roles/2"),
    Screen("role-built-in", "/sys/roles/1"),
    Screen("menus", "/sys/menus"),
    Screen("menu", "/sys/menus/11"),
    Screen("audit", "/sys/audit", opens="td details summary"),
    Screen("logins", "/sys/logins"),
    Screen("me", "/me"),
    Screen("explain", "/try/explain"),
    Screen("password-link", "/password#a-token"),
    Screen("mappings", "/mappings"),
    Screen("mapping-new", "/mappings/new"),
    Screen("mapping", "/mappings/1"),
    Screen("tokens", "/tokens"),
    Screen("token-new", "/tokens/new"),
    Screen("limits", "/limits"),
    Screen("limits-apis", "/limits/apis"),
    Screen("limits-grants", "/limits/grants"),
    Screen("limits-networks", "/limits/networks"),
    Screen("sysparams", "/sysparams"),
    Screen("sysparam", "/sysparams/1"),
    Screen("bench", "/try?api_name=open.order.get"),
    Screen("alert-rules", "/alerts/rules"),
    Screen("alert-rule", "/alerts/rules/2"),
    Screen("alert-rule-new", "/alerts/rules/new"),
    Screen("alerts", "/alerts"),
    Screen("alert", "/alerts/1"),
    Screen("alert-silences", "/alerts/silences"),
    Screen("alert-mails", "/alerts/mails"),
    Screen("apps", "/apps"),
    Screen("apps-none", "/apps?q=nobody-has-this-name"),
    Screen("app-new", "/apps/new"),
    Screen("app", "/apps/1"),
    Screen("app-delete", "/apps/1", opens="[data-dialog='#remove']"),
    Screen("app-secret", "/apps/1/secret"),
    Screen("app-limits", "/apps/1/limits"),
    Screen("app-grants", "/apps/1/grants"),
    Screen("app-grant-dialog", "/apps/1/grants", opens="[data-dialog='#grant']"),
    Screen("app-tokens", "/apps/1/tokens"),
    Screen("app-logs", "/apps/1/logs"),
    Screen("app-audit", "/apps/1/audit"),
    Screen("rank", "/rank"),
    Screen("customers", "/customers"),
    Screen("customer-new", "/customers/new"),
    Screen("customer", "/customers/1"),
    Screen("recharges", "/recharges"),
    Screen("recharge-new", "/recharges/new?cus_id=1"),
]
