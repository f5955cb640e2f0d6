"""The JSON API's routes, resource by resource."""

from fastapi import APIRouter

from admin_api.access.endpoints.account import account_routes
from admin_api.access.endpoints.audit import audit_routes
from admin_api.access.endpoints.menus import menu_routes
from admin_api.access.endpoints.roles import role_routes
from admin_api.access.endpoints.users import user_routes
from admin_api.alerts.endpoints.alerts import alert_routes
from admin_api.alerts.endpoints.rules import rule_routes
from admin_api.alerts.service.alerts import Alerts
from admin_api.alerts.service.monitor import Monitor
from admin_api.alerts.service.rules import Rules
from admin_api.analytics.endpoints.logs import log_routes
from admin_api.analytics.endpoints.ranking import ranking_routes
from admin_api.analytics.endpoints.stats import stats_routes
from admin_api.analytics.service.search import Analytics
from admin_api.apis.endpoints.limits import api_limit_routes
from admin_api.apis.endpoints.mappings import mapping_routes
from admin_api.apis.endpoints.params import param_routes
from admin_api.apis.endpoints.preview import preview_routes
from admin_api.apis.endpoints.table import table_routes
from admin_api.apps.endpoints.apps import app_routes
from admin_api.apps.endpoints.bench import bench_routes
from admin_api.apps.endpoints.customers import customer_routes
from admin_api.apps.endpoints.grants import grant_routes
from admin_api.apps.endpoints.limits import app_limit_routes
from admin_api.apps.endpoints.quota import quota_routes
from admin_api.apps.endpoints.secrets import secret_routes
from admin_api.apps.endpoints.tokens import token_routes
from admin_api.billing.endpoints import billing_routes
from admin_api.health.endpoints.dead_letters import dead_letter_routes
from admin_api.health.endpoints.overview import health_routes_of_platform
from admin_api.health.service.dead_letters import DeadLetters
from admin_api.resources import Resources
from admin_api.security.guard import Guard
from admin_api.security.sessions import Sessions
from admin_api.security.signin import SignIn
from admin_api.settings import AdminSettings


def api_routers(
    resources: Resources, settings: AdminSettings, sessions: Sessions, guard: Guard, sign_in: SignIn
) -> list[APIRouter]:
    """Every router of the JSON API. Of two routes that fit a path the first answers: fixed names stand before ids."""
    database, zone = resources.database, settings.time_zone
    analytics = Analytics(database, resources.services, zone)
    monitor = Monitor(resources.services)
    return [
        account_routes(database, sessions, sign_in, resources.passwords, guard, zone),
        app_routes(database, resources.seal, resources.quota, zone),
        quota_routes(resources.changes, resources.quota, zone),
        app_limit_routes(resources.changes, resources.quota, zone),
        api_limit_routes(resources.changes, resources.quota, zone),
        preview_routes(database, resources.directory, zone),
        secret_routes(database, resources.seal, sign_in, zone),
        grant_routes(database, zone),
        table_routes(database, zone),
        mapping_routes(database, zone),
        bench_routes(resources.bench, resources.changes, resources.seal, zone),
        token_routes(database, resources.clock, zone),
        customer_routes(database, resources.passwords, zone),
        billing_routes(database, resources.accounts.in_redis, zone),
        param_routes(database, zone),
        ranking_routes(resources.ranking, resources.clock, zone),
        log_routes(analytics, resources.clock, zone),
        stats_routes(analytics, zone),
        rule_routes(Rules(monitor)),
        alert_routes(Alerts(monitor)),
        user_routes(database, resources.passwords, zone),
        role_routes(database, zone),
        menu_routes(database, zone),
        audit_routes(database, zone),
        dead_letter_routes(DeadLetters(resources.services)),
        health_routes_of_platform(resources.health),
    ]
