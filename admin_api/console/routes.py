"""All pages. A new screen is one module in pages/ and one line here."""

from fastapi import APIRouter

from admin_api.console.pages.alert_rules import alert_rule_pages
from admin_api.console.pages.alerts import alert_pages
from admin_api.console.pages.apps.routes import app_pages
from admin_api.console.pages.audit import audit_pages
from admin_api.console.pages.bench import bench_pages
from admin_api.console.pages.customers import customer_pages
from admin_api.console.pages.docs import docs_pages
from admin_api.console.pages.explain import explain_pages
from admin_api.console.pages.health import health_pages
from admin_api.console.pages.limits import limit_pages
from admin_api.console.pages.login import login_pages
from admin_api.console.pages.logs import log_pages
from admin_api.console.pages.mapping import one_mapping_pages
from admin_api.console.pages.mappings import mapping_pages
from admin_api.console.pages.me import own_pages
from admin_api.console.pages.menus import menu_pages
from admin_api.console.pages.overview import overview_pages
from admin_api.console.pages.params import param_pages
from admin_api.console.pages.password import password_pages
from admin_api.console.pages.preferences import preference_pages
from admin_api.console.pages.rank import rank_pages
from admin_api.console.pages.recharges import recharge_pages
from admin_api.console.pages.roles import role_pages
from admin_api.console.pages.static import static_files
from admin_api.console.pages.stats import stats_pages
from admin_api.console.pages.tokens import token_pages
from admin_api.console.pages.users import user_pages
from admin_api.console.parts import Parts


def console_pages(parts: Parts) -> list[APIRouter]:
    """The routers of the console."""
    pages = (
        static_files,
        login_pages,
        password_pages,
        preference_pages,
        docs_pages,
        overview_pages,
        alert_rule_pages,
        alert_pages,
        log_pages,
        stats_pages,
        user_pages,
        role_pages,
        menu_pages,
        audit_pages,
        own_pages,
        explain_pages,
        mapping_pages,
        one_mapping_pages,
        token_pages,
        limit_pages,
        param_pages,
        bench_pages,
        health_pages,
        app_pages,
        rank_pages,
        customer_pages,
        recharge_pages,
    )
    return [make(parts) for make in pages]
