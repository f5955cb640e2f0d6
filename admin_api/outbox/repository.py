"""The queries behind the outbox: rows that become records, and changes on their way."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from admin_api.tables.apis import api_systemparam, app_api_grant, app_mapping
from admin_api.tables.apps import app_info, app_ip_allow, app_secret_history, customer, user_token
from admin_api.tables.platform import config_outbox
from admin_api.tables.rows import Row, fetch_rows, take_mutex
from openplatform.sql import AsyncConnection

Ids = Sequence[int] | None
"""Which rows; None = all of them."""


async def app_rows(connection: AsyncConnection, *, ids: Ids = None, customer_id: int | None = None) -> list[Row]:
    """Apps with `customer_state`; `older_secrets`: the sealed ones that were replaced and still live, newest first; `ip_allow`:
    networks; `grants`: rows with gateway_api_name."""
    wanted: list[sa.ColumnElement[bool]] = []
    if ids is not None:
        wanted.append(app_info.c.id.in_(ids))
    if customer_id is not None:
        wanted.append(app_info.c.cus_id == customer_id)
    query = sa.select(app_info, customer.c.state.label("customer_state"))
    query = query.join(customer, customer.c.id == app_info.c.cus_id).where(*wanted)
    older = await _older_secrets(connection)
    networks, grants = await _networks(connection, wanted), await _grants(connection, wanted)
    return [
        row
        | {
            "older_secrets": older.get(row["id"], []),
            "ip_allow": networks.get(row["id"], []),
            "grants": grants.get(row["id"], []),
        }
        for row in await fetch_rows(connection, query)
    ]


async def route_rows(connection: AsyncConnection, ids: Ids = None) -> list[Row]:
    """API mappings."""
    return await fetch_rows(connection, _of(app_mapping, ids))


async def param_rows(connection: AsyncConnection, ids: Ids = None) -> list[Row]:
    """System parameters."""
    return await fetch_rows(connection, _of(api_systemparam, ids))


async def token_rows(connection: AsyncConnection, ids: Sequence[int]) -> list[Row]:
    """Tokens by id."""
    return await fetch_rows(connection, _of(user_token, ids))


async def living_tokens(connection: AsyncConnection, now: datetime) -> list[Row]:
    """Tokens that are neither revoked nor expired."""
    living = (user_token.c.revoked_at.is_(None), user_token.c.expire_time > now)
    return await fetch_rows(connection, sa.select(user_token).where(*living))


async def begin_emitting(connection: AsyncConnection) -> None:
    """One emitting transaction at a time, until it ends.

    Each then reads what those before it committed (an app's record also holds its customer's state), and the ids of the outbox
    are in the order of commits, so that a greater id never stands for older data.
    """
    await take_mutex(connection, "config")


async def append(connection: AsyncConnection, rows: Sequence[Row]) -> int:
    """Writes outbox rows inside `begin_emitting`; returns the last id."""
    await connection.execute(sa.insert(config_outbox), rows)
    return await newest_id(connection)


async def newest_id(connection: AsyncConnection) -> int:
    """The greatest id ever given; 0 = none."""
    return (await connection.execute(sa.select(sa.func.max(config_outbox.c.id)))).scalar_one() or 0


async def unsent(connection: AsyncConnection, count: int) -> list[Row]:
    """The oldest rows that are not in Redis yet."""
    return await _fetch(connection, config_outbox.c.sent_time.is_(None), count)


async def newer_than(connection: AsyncConnection, row_id: int, count: int) -> list[Row]:
    """The oldest rows after this id, sent or not."""
    return await _fetch(connection, config_outbox.c.id > row_id, count)


async def mark_sent(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> None:
    """These rows are in Redis."""
    await connection.execute(sa.update(config_outbox).where(config_outbox.c.id.in_(ids)).values(sent_time=now))


async def forget_sent(connection: AsyncConnection, before: datetime) -> None:
    """Deletes rows sent before then. The newest row stays, so that the greatest id ever given is always known."""
    newest = await newest_id(connection)
    old = (config_outbox.c.sent_time < before, config_outbox.c.id < newest)
    await connection.execute(sa.delete(config_outbox).where(*old))


async def _older_secrets(connection: AsyncConnection) -> dict[int, list[str]]:
    history = app_secret_history.c
    query = sa.select(history.app_id, history.secret).where(history.retired_time.is_(None)).order_by(history.id.desc())
    secrets: dict[int, list[str]] = {}
    for row in await connection.execute(query):  # only apps that change over right now have one
        secrets.setdefault(row.app_id, []).append(row.secret)
    return secrets


async def _networks(connection: AsyncConnection, wanted: Sequence[sa.ColumnElement[bool]]) -> dict[int, list[str]]:
    networks = app_ip_allow.c
    query = sa.select(networks.app_id, networks.cidr).join(app_info, app_info.c.id == networks.app_id)
    found = defaultdict(list)
    for row in await connection.execute(query.where(*wanted).order_by(networks.app_id, networks.cidr)):
        found[row.app_id].append(row.cidr)
    return found


async def _grants(connection: AsyncConnection, wanted: Sequence[sa.ColumnElement[bool]]) -> dict[int, list[Row]]:
    query = sa.select(app_api_grant, app_mapping.c.gateway_api_name).select_from(
        app_api_grant.join(app_mapping, app_mapping.c.id == app_api_grant.c.mapping_id).join(
            app_info, app_info.c.id == app_api_grant.c.app_id
        )
    )
    found = defaultdict(list)
    for row in await fetch_rows(connection, query.where(*wanted).order_by(app_mapping.c.gateway_api_name)):
        found[row["app_id"]].append(row)
    return found


async def _fetch(connection: AsyncConnection, condition: sa.ColumnElement[bool], count: int) -> list[Row]:
    query = sa.select(config_outbox).where(condition).order_by(config_outbox.c.id).limit(count)
    return await fetch_rows(connection, query)


def _of(table: sa.Table, ids: Ids) -> sa.Select[Any]:
    query = sa.select(table)
    return query if ids is None else query.where(table.c.id.in_(ids))
