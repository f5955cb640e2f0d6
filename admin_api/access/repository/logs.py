"""The logs of changes and of logins, as lists."""

from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import ConfigDict, Field

from admin_api.tables.access import admin_audit_log, login_log
from admin_api.tables.listing import Listing, contains, fetch_page
from admin_api.tables.rows import Row
from admin_api.tables.shapes import Id, Moment, Search
from openplatform.sql import AsyncConnection

Outcome = Literal["failed", "succeeded", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("failed", "succeeded", "refused")
"""By the number in login_log.outcome."""


class TimeListing(Listing):
    """from inclusive, to exclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    sort: Literal["id", "-id"] = "-id"


class AuditListing(TimeListing):
    """who: in the operator's address."""

    who: Search | None = None
    user_id: Id | None = None
    action: Search | None = None
    table_name: Search | None = None
    row_id: Search | None = None


class LoginListing(TimeListing):
    """email: in the address as it was typed."""

    email: Search | None = None
    remote_ip: Search | None = None
    outcome: Outcome | None = None


async def list_audit_rows(connection: AsyncConnection, listing: AuditListing) -> tuple[list[Row], int]:
    """The page and the total."""
    a = admin_audit_log.c
    query = _between(sa.select(admin_audit_log), a.create_time, listing)
    if listing.who is not None:
        query = query.where(contains(listing.who, a.who))
    for name in ("user_id", "action", "table_name", "row_id"):
        if (wanted := getattr(listing, name)) is not None:
            query = query.where(a[name] == wanted)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=a, tie=a.id)


async def list_attempts(connection: AsyncConnection, listing: LoginListing) -> tuple[list[Row], int]:
    """The page and the total."""
    log = login_log.c
    query = _between(sa.select(login_log), log.create_time, listing)
    if listing.email is not None:
        query = query.where(contains(listing.email, log.email))
    if listing.remote_ip is not None:
        query = query.where(log.remote_ip == listing.remote_ip)
    if listing.outcome is not None:
        query = query.where(log.outcome == OUTCOMES.index(listing.outcome))
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=log, tie=log.id)


def _between(query: sa.Select[Any], column: sa.ColumnElement[datetime], listing: TimeListing) -> sa.Select[Any]:
    if listing.from_ is not None:
        query = query.where(column >= listing.from_)
    if listing.to is not None:
        query = query.where(column < listing.to)
    return query
