"""What admin_api needs of the world, opened once per process by admin_api/app.py."""

from dataclasses import dataclass

from admin_api.apps.service.bench import Bench
from admin_api.billing.jobs.accounts import Accounts
from admin_api.health.service.overview import Health
from admin_api.outbox.changes import Changes
from admin_api.outbox.relay import Relay
from admin_api.security.last_known import LastKnown
from admin_api.security.metrics import AdminMetrics
from admin_api.security.passwords import Passwords
from openplatform.ports import ApiRanking, CatalogWriter, Clock, QuotaCounter, QuotaSnapshot, ServiceDirectory
from openplatform.sealing import Seal
from openplatform.service_client import ServiceClient
from openplatform.sql import Database


@dataclass(frozen=True, slots=True)
class Resources:
    """What admin_api needs of the world, and the parts that hold state."""

    database: Database
    catalog_writer: CatalogWriter
    quota: QuotaCounter
    counters: QuotaSnapshot
    ranking: ApiRanking
    directory: ServiceDirectory
    services: ServiceClient
    clock: Clock
    seal: Seal
    passwords: Passwords
    metrics: AdminMetrics
    relay: Relay
    changes: Changes
    last_known: LastKnown
    accounts: Accounts
    bench: Bench

    @property
    def health(self) -> Health:
        """Asks all of it how it is."""
        return Health(self.database, self.catalog_writer, self.directory, self.services, self.clock)
