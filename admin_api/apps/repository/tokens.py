"""Tokens together with the app that they were granted to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from admin_api.tables.apps import app_info, user_token
from admin_api.tables.listing import Listing, fetch_page
from admin_api.tables.rows import Row, RowMissing, find_row
from admin_api.tables.shapes import Id, Moment, Search
from openplatform.sql import AsyncConnection

TokenState = Literal["live", "expired", "revoked"]

_T = user_token.c
_TOKENS = sa.select(user_token, app_info.c.app_key, app_info.c.app_name).join(app_info, app_info.c.id == _T.app_id)


class TokenListing(Listing):
    """expires_before: tokens that end before this moment."""

    app_id: Id | None = None
    app_key: Search | None = None
    user_id: Id | None = None
    state: TokenState | None = None
    expires_before: Moment | None = None
    sort: Literal["id", "-id", "expire_time", "-expire_time", "user_id", "-user_id"] = "-id"


async def list_tokens(connection: AsyncConnection, listing: TokenListing, now: datetime) -> tuple[list[Row], int]:
    """The page, with app_key and app_name, and the total."""
    query: sa.Select[Any] = _TOKENS
    if listing.app_id is not None:
        query = query.where(_T.app_id == listing.app_id)
    if listing.app_key is not None:
        query = query.where(app_info.c.app_key == listing.app_key)
    if listing.user_id is not None:
        query = query.where(_T.user_id == listing.user_id)
    if listing.state == "revoked":
        query = query.where(_T.revoked_at.is_not(None))
    elif listing.state is not None:
        is_live = listing.state == "live"
        query = query.where(_T.revoked_at.is_(None), _T.expire_time > now if is_live else _T.expire_time <= now)
    if listing.expires_before is not None:
        query = query.where(_T.expire_time < listing.expires_before)
    return await fetch_page(connection, query, listing, sort=listing.sort, columns=_T, tie=_T.id)


async def fetch_token(connection: AsyncConnection, token_id: int) -> Row:
    """The token with app_key and app_name. Raises RowMissing."""
    row = await find_row(connection, _TOKENS.where(_T.id == token_id))
    if row is None:
        raise RowMissing(user_token.name, token_id)
    return row


async def fetch_token_by_hash(connection: AsyncConnection, token_hash: str) -> Row:
    """The same by the hash of the token. Raises RowMissing."""
    row = await find_row(connection, _TOKENS.where(_T.access_token == token_hash))
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
