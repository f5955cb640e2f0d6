"""The logs of changes and of logins, as lists."""

from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import ConfigDict, Field

from admin_api.tables.access import admin_audit_log, login_log
from admin_api.tables.listing import Filter, Listing, RowStream, contains, fetch_page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Id, Moment, Search
from openplatform.sql import AsyncConnection, Database

Outcome = Literal["failed", "succeeded", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("failed", "succeeded", "refused")
"""By the number in login_log.outcome."""


class TimeFilter(Filter):
    """from inclusive, to exclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None


class AuditFilter(TimeFilter):
    """who: in the operator's address."""

    who: Search | None = None
    user_id: Id | None = None
    action: Search | None = None
    table_name: Search | None = None
    row_id: Search | None = None


class AuditListing(Listing, AuditFilter):
    """A list of changes."""

    sort: Literal["id", "-id"] = "-id"


class LoginFilter(TimeFilter):
    """email: in the address as it was typed."""

    email: Search | None = None
    remote_ip: Search | None = None
    outcome: Outcome | None = None


class LoginListing(Listing, LoginFilter):
    """A list of attempts."""

    sort: Literal["id", "-id"] = "-id"


async def list_audit_rows(connection: AsyncConnection, listing: AuditListing) -> tuple[list[Row], int]:
    """The page and the total."""
    a = admin_audit_log.c
    return await fetch_page(connection, _changes(listing), listing, sort=listing.sort, columns=a, tie=a.id)


def stream_audit_rows(database: Database, found: AuditFilter) -> RowStream:
    """All of them."""
    return RowStream(database, _changes(found), admin_audit_log.c.id)


async def list_attempts(connection: AsyncConnection, listing: LoginListing) -> tuple[list[Row], int]:
    """The page and the total."""
    log = login_log.c
    return await fetch_page(connection, _attempts(listing), listing, sort=listing.sort, columns=log, tie=log.id)


def stream_attempts(database: Database, found: LoginFilter) -> RowStream:
    """All of them."""
    return RowStream(database, _attempts(found), login_log.c.id)


def _changes(found: AuditFilter) -> sa.Select[Any]:
    a = admin_audit_log.c
    query = _between(sa.select(admin_audit_log), a.create_time, found)
    if found.who is not None:
        query = query.where(contains(found.who, a.who))
    for name in ("user_id", "action", "table_name", "row_id"):
        if (wanted := getattr(found, name)) is not None:
            query = query.where(a[name] == wanted)
    return query


def _attempts(found: LoginFilter) -> sa.Select[Any]:
    log = login_log.c
    query = _between(sa.select(login_log), log.create_time, found)
    if found.email is not None:
        query = query.where(contains(found.email, log.email))
    if found.remote_ip is not None:
        query = query.where(log.remote_ip == found.remote_ip)
    if found.outcome is not None:
        query = query.where(log.outcome == OUTCOMES.index(found.outcome))
    return query


def _between(query: sa.Select[Any], column: sa.ColumnElement[datetime], found: TimeFilter) -> sa.Select[Any]:
    if found.from_ is not None:
        query = query.where(column >= found.from_)
    if found.to is not None:
        query = query.where(column < found.to)
    return query
