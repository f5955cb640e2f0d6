"""Alembic's entry: runs admin_api's migrations on MySQL/MariaDB and SQLite."""

from alembic import context

from admin_api.tables import access, apis, apps, billing, counters, platform  # noqa: F401  # imported so that the metadata is full
from admin_api.tables.metadata import metadata
from openplatform.sql import run_migrations

run_migrations(metadata, context.config.get_main_option("sqlalchemy.url") or "")
