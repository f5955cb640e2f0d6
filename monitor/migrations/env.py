"""Alembic's entry: runs the migrations of monitor on the database it was given."""

from alembic import context

from monitor.tables import metadata
from openplatform.sql import run_migrations

run_migrations(metadata, context.config.get_main_option("sqlalchemy.url") or "")
