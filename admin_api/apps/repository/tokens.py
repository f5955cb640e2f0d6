"""Tokens together with the app that they were granted to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from admin_api.tables.apps import app_info, user_token
from admin_api.tables.listing import Filter, Listing, RowStream, fetch_page
from admin_api.tables.rows import Row, RowMissing, find_row
from admin_api.tables.selection import Chosen, Selection, choose
from admin_api.tables.shapes import Id, Moment, Search
from openplatform.sql import AsyncConnection, Database

TokenState = Literal["live", "expired", "revoked"]

_T = user_token.c
_TOKENS = sa.select(user_token, app_info.c.app_key, app_info.c.app_name).join(
    app_info, app_info.c.id == _T.app_id, isouter=True
)


class TokenFilter(Filter):
    """expires_before: tokens that end before this moment."""

    app_id: Id | None = None
    app_key: Search | None = None
    user_id: Id | None = None
    state: TokenState | None = None
    expires_before: Moment | None = None


class TokenListing(Listing, TokenFilter):
    """A list of tokens."""

    sort: Literal["id", "-id", "expire_time", "-expire_time", "user_id", "-user_id"] = "-id"


async def list_tokens(connection: AsyncConnection, listing: TokenListing, now: datetime) -> tuple[list[Row], int]:
    """The page, with app_key and app_name, and the total."""
    query = _narrowed(_TOKENS, listing, now)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=_T, tie=_T.id)


def stream_tokens(database: Database, found: TokenFilter, now: datetime) -> RowStream:
    """All of them, with app_key and app_name."""
    return RowStream(database, _narrowed(_TOKENS, found, now), _T.id)


async def choose_tokens(connection: AsyncConnection, selection: Selection[TokenFilter], now: datetime) -> Chosen:
    """The selected tokens, locked. Raises SelectionTooLarge, SelectionChanged."""
    found = selection.filter
    ids = sa.select(_T.id).join(app_info, app_info.c.id == _T.app_id)
    return await choose(connection, user_token, selection, None if found is None else _narrowed(ids, found, now))


def _narrowed(query: sa.Select[Any], found: TokenFilter, now: datetime) -> sa.Select[Any]:
    if found.app_id is not None:
        query = query.where(_T.app_id == found.app_id)
    if found.app_key is not None:
        query = query.where(app_info.c.app_key == found.app_key)
    if found.user_id is not None:
        query = query.where(_T.user_id == found.user_id)
    if found.state == "revoked":
        query = query.where(_T.revoked_at.is_not(None))
    elif found.state is not None:
        is_live = found.state == "live"
        query = query.where(_T.revoked_at.is_(None), _T.expire_time > now if is_live else _T.expire_time <= now)
    if found.expires_before is not None:
        query = query.where(_T.expire_time < found.expires_before)
    return query


async def fetch_token(connection: AsyncConnection, token_id: int) -> Row:
    """The token with app_key and app_name. Raises RowMissing."""
    row = await find_row(connection, _TOKENS.where(_T.id == token_id))
    if row is None:
        raise RowMissing(user_token.name, token_id)
    return row


async def fetch_token_by_hash(connection: AsyncConnection, token_hash: str) -> Row:
    """The same by the hash of the token. Raises RowMissing."""
    row = await find_token_by_hash(connection, token_hash)
    if row is None:
        raise RowMissing(user_token.name, "of this token")
    return row


async def revoke_living(connection: AsyncConnection, app_id: int, now: datetime) -> Sequence[int]:
    """Revokes the app's living tokens; returns their ids."""
    living = (_T.app_id == app_id, _T.revoked_at.is_(None), _T.expire_time > now)
    ids = (await connection.execute(sa.select(_T.id).where(*living).with_for_update())).scalars().all()
    if ids:
        await connection.execute(sa.update(user_token).where(*living).values(revoked_at=now))
    return ids


async def app_exists(connection: AsyncConnection, app_id: int) -> bool:
    """True if there is such an app."""
    return (await connection.execute(sa.select(app_info.c.id).where(app_info.c.id == app_id))).first() is not None


async def find_token_by_hash(connection: AsyncConnection, token_hash: str) -> Row | None:
    """The same, None = there is none."""
    return await find_row(connection, _TOKENS.where(_T.access_token == token_hash))
