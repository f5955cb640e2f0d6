"""Alembic's entry: runs the migrations of order_service on the database it was given."""

from alembic import context

from openplatform.sql import run_migrations
from order_service.tables import metadata

run_migrations(metadata, context.config.get_main_option("sqlalchemy.url") or "")
