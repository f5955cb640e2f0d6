"""The migrations of order_service build exactly what its tables say."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from openplatform.sql import alembic_config, open_database, upgrade
from order_service.repository import take_turn
from order_service.tables import metadata, order_intent, pop_order_data
from tests.business_schema import assert_migrations_build_the_tables
from tests.business_services import BACKENDS, MERCHANT, NOON, OTHER_MERCHANT, empty_database_url, rows_of


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_migrated_schema_is_the_one_of_the_tables(
    request: pytest.FixtureRequest, backend: str, tmp_path: Path
) -> None:
    """Types, lengths, keys, indexes, checks, collations and comments; a downgrade leaves nothing, an upgrade may repeat."""
    await assert_migrations_build_the_tables(request, backend, tmp_path, "order_service", metadata)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_orders_and_cancellations_of_before_are_taken_along(
    request: pytest.FixtureRequest, backend: str, tmp_path: Path
) -> None:
    """Orders are numbered per merchant by their last change, new changes go on from there, unfinished cancellations stay unfinished."""
    url = empty_database_url(request, backend, tmp_path, "order_service")
    await asyncio.to_thread(command.upgrade, alembic_config(url, "order_service"), "0001")
    old = "INSERT INTO pop_order_data (order_id, vender_id, state, yn, order_create_date, created, modified) VALUES "
    rows = [
        (501, MERCHANT, "12:00:03"),
        (502, MERCHANT, "12:00:01"),
        (503, OTHER_MERCHANT, "12:00:02"),
        (504, MERCHANT, "12:00:01"),
    ]
    async with open_database(url) as database:
        async with database.begin() as connection:
            for order_id, vender_id, time in rows:
                day = f"'2024-05-31 {time}'"
                await connection.execute(sa.text(f"{old} ({order_id}, {vender_id}, 2, 1, {day}, {day}, {day})"))
            await connection.execute(
                sa.text(
                    "INSERT INTO order_cancellation VALUES (501, 101, 'why', 'app-1', 'r-1', '2024-05-31 12:00:04', 2, "
                    "'2024-05-31 12:00:05', NULL)"
                )
            )
        await asyncio.to_thread(upgrade, url, "order_service")
        numbers = {row["order_id"]: row["change_seq"] for row in await rows_of(database, pop_order_data)}
        assert numbers == {502: 1, 504: 2, 501: 3, 503: 1}
        [intent] = await rows_of(database, order_intent)
        assert (intent["order_id"], intent["kind"], intent["attempts"], intent["finished"]) == (501, "cancel", 2, None)
        async with database.begin() as connection:
            turn = await take_turn(connection, MERCHANT, NOON)
        assert (turn.last_seq, turn.modified) == (4, datetime(2024, 5, 31, 12, 0, 3, tzinfo=UTC))
