"""The migrations build exactly what the tables say."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from monitor.repository.events import open_events
from monitor.repository.mails import page_of_mails
from monitor.repository.rules import Recipient, page_of_rules
from monitor.repository.windows import last_window
from monitor.tables import metadata
from openplatform.sql import Database, alembic_config, upgrade


async def test_the_migrated_schema_is_the_one_of_the_tables(database: Database) -> None:
    """Nothing to add, remove or alter: columns, types, keys, indexes and comments."""

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        return list(compare_metadata(context, metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_upgrading_again_changes_nothing_and_downgrading_leaves_nothing(
    database: Database, database_url: str
) -> None:
    """Every start may upgrade; a downgrade takes all tables away."""
    await asyncio.to_thread(upgrade, database_url, "monitor")
    await asyncio.to_thread(command.downgrade, alembic_config(database_url, "monitor"), "base")
    async with database.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["alembic_version"]


async def test_data_of_the_first_version_is_kept(database: Database, database_url: str) -> None:
    """Rules, an open alert, its mail and the judged minute: all there after the update, as they were, and editable."""
    config = alembic_config(database_url, "monitor")
    await asyncio.to_thread(command.downgrade, config, "0001")
    old = "2026-11-22 00:05:00"
    async with database.begin() as connection:
        for statement in (
            "INSERT INTO alert_rule (id, name, metric, threshold, window_s, min_calls, severity, recipients, enabled, version,"
            f" create_time, update_time) VALUES (1, 'default', 'mean_ms', 700, 300, 1, 'critical', 'a@b.c,d@e.f', 1, 2, '{old}', '{old}')",
            "INSERT INTO alert_event (id, rule_id, alert_group, api_name, value, peak, detail, thread_id, clean_windows, opened_at,"
            f" seen_at, notified_at) VALUES (1, 1, 'all', 'open.order.get', 900, 950, '', 't@x', 1, '{old}', '{old}', '{old}')",
            "INSERT INTO mail_outbox (id, rule_id, alert_group, window_start, kind, recipient, subject, body_text, body_html, message_id,"
            " thread_id, state, attempts, next_at, last_error, create_time) VALUES (1, 1, 'all',"
            f" '{old}', 'opened', 'a@b.c', 's', 't', 'h', 'm@x', 't@x', 'waiting', 1, '{old}', '', '{old}')",
            "UPDATE evaluated_minute SET minute = 29654405",
        ):
            await connection.exec_driver_sql(statement)
    await asyncio.to_thread(upgrade, database_url, "monitor")
    [rule] = (await page_of_rules(database, page_no=1, page_size=10))[1]
    assert (rule.threshold, rule.version, rule.built_in, rule.pending_windows) == (700, 2, True, 0)
    assert rule.recipients == (Recipient("a@b.c", "zh"), Recipient("d@e.f", "zh"))
    async with database.read() as connection:
        [event] = await open_events(connection)
    assert (event.peak, event.is_pending, event.notified_at) == (950, False, datetime(2026, 11, 22, 0, 5, tzinfo=UTC))
    _, [mail] = await page_of_mails(database, state="waiting", page_no=1, page_size=1)
    assert (mail.message_id, mail.attempts, mail.language) == ("m@x", 1, "zh")
    assert await last_window(database) == 29654405 * 60
    await asyncio.to_thread(command.downgrade, config, "0001")
    await asyncio.to_thread(upgrade, database_url, "monitor")
    assert await last_window(database) == 29654405 * 60
    assert len((await page_of_rules(database, page_no=1, page_size=10))[1]) == 1
