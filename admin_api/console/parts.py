"""What pages are made from: the console's frame and the services of the JSON API."""

from dataclasses import dataclass

from admin_api.analytics.service.search import Analytics
from admin_api.apps.service.bench import Bench
from admin_api.billing.service.balances import BalancesInRedis
from admin_api.console.frame import Console
from admin_api.health.service.overview import Health
from admin_api.outbox.changes import Changes
from admin_api.outbox.relay import Relay
from admin_api.security.guard import Guard
from admin_api.security.passwords import Passwords
from admin_api.security.sessions import Sessions
from admin_api.security.signin import SignIn
from admin_api.settings import AdminSettings
from openplatform.ports import ApiRanking, Clock, QuotaCounter, ServiceDirectory
from openplatform.sealing import Seal
from openplatform.service_client import ServiceClient
from openplatform.sql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that a page may use; `clock` and `settings.time_zone` are the platform's."""

    console: Console
    settings: AdminSettings
    database: Database
    changes: Changes
    relay: Relay
    seal: Seal
    quota: QuotaCounter
    ranking: ApiRanking
    directory: ServiceDirectory
    services: ServiceClient
    clock: Clock
    passwords: Passwords
    sessions: Sessions
    sign_in: SignIn
    guard: Guard
    analytics: Analytics
    balances: BalancesInRedis
    bench: Bench
    health: Health
