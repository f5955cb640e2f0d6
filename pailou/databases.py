"""`pailou db upgrade`: brings the databases to their newest migration."""

from collections.abc import Sequence
from dataclasses import dataclass

from openplatform.env import Env
from openplatform.errors import SettingsError


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """package: whose migrations; variable: which `PAILOU_…` holds its URL."""

    package: str
    variable: str


DATABASES = {
    "admin": ServiceDatabase("admin_api", "ADMIN_DATABASE_URL"),
    "orders": ServiceDatabase("order_service", "ORDER_DATABASE_URL"),
    "warehouse": ServiceDatabase("warehouse_service", "WAREHOUSE_DATABASE_URL"),
    "monitor": ServiceDatabase("monitor", "MONITOR_DATABASE_URL"),
}


def urls_of(names: Sequence[str]) -> dict[str, str]:
    """Name → URL of the databases to upgrade: the named ones, or all whose variable is set.

    Raises ValueError for a name that is none of DATABASES, SettingsError when a URL is missing.
    """
    env = Env(service="pailou db upgrade")
    if names:
        unknown = [name for name in names if name not in DATABASES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such database; there are {', '.join(DATABASES)}")
        urls = {name: env.text(DATABASES[name].variable, why=f"the database of {name}") for name in names}
        env.finish()
        return urls
    found = {name: env.text(database.variable, "") for name, database in DATABASES.items()}
    urls = {name: url for name, url in found.items() if url}
    if not urls:
        variables = ", ".join(f"PAILOU_{database.variable}" for database in DATABASES.values())
        raise SettingsError(f"no database is named: set at least one of {variables}")
    return urls


def upgrade(name: str, url: str) -> None:
    """Brings one database to its newest migration. Synchronous; raises what the driver raises."""
    from openplatform import sql  # SQLAlchemy and Alembic take half a second to import

    sql.upgrade(url, DATABASES[name].package)
