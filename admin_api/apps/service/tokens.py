"""Tokens: the sessions that merchants grant to apps. Only their hashes are kept."""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from admin_api.apps.repository.tokens import TokenFilter, app_exists, choose_tokens, revoke_living
from admin_api.outbox.changes import Change
from admin_api.security.problems import invalid_field
from admin_api.tables.apps import app_info, user_token
from admin_api.tables.rows import Row, fetch_row, insert_row, update_row
from admin_api.tables.selection import BulkResult, Selection, update_rows
from admin_api.tables.shapes import Body, BodyId, Moment

LONGEST = timedelta(days=3660)
_SCOPE_WORD = re.compile(r"[^\s,*\x00-\x1f\x7f]+(\.\*)?")


def _scope(text: str) -> str:
    words = dict.fromkeys(re.split(r"[\s,]+", text.strip(" ,")))
    if text and any(_SCOPE_WORD.fullmatch(word) is None for word in words):
        raise ValueError(
            "must be API names, names of groups, or beginnings of names such as open.order.*, with commas between"
        )
    return ",".join(words)


Scope = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_scope)]


class TokenDraft(Body):
    """A session to be granted. user_id: the merchant, vender_id for the services; expire_time: ISO 8601 with an offset;
    scope: which APIs it is good for, empty = all that the app may call."""

    app_id: BodyId
    user_id: BodyId
    expire_time: Moment
    scope: Scope = ""


def hash_token(token: str) -> str:
    """What is stored and published in place of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def create_token(change: Change, draft: TokenDraft, *, token: str | None = None) -> tuple[Row, str]:
    """The new row and the token, which nobody can see again. token: given by seeds. Raises a 422 Problem."""
    if not change.now < draft.expire_time <= change.now + LONGEST:
        raise invalid_field("expire_time", f"must be in the future, at most {LONGEST.days} days away")
    if not await app_exists(change.connection, draft.app_id):
        raise invalid_field("app_id", "names no app")
    text = token or secrets.token_urlsafe(32)
    values = draft.model_dump() | {
        "access_token": hash_token(text),
        "start_time": change.now,
        "token_hint": f"{text[:4]}…{text[-4:]}",
    }
    row = await insert_row(change.connection, user_token, values, unique=("access_token",))
    await change.record("create", user_token.name, row["id"], after=row)
    await change.emit_sessions([row["id"]])
    return row, text


async def revoke_token(change: Change, token_id: int) -> Row:
    """The row, revoked; a revoked one stays as it is. Raises RowMissing."""
    before = await fetch_row(change.connection, user_token, token_id, lock=True)
    if before["revoked_at"] is not None:
        return before
    after = await update_row(change.connection, user_token, before, {"revoked_at": change.now})
    await change.record("revoke", user_token.name, token_id, before, after)
    await change.emit_sessions([token_id])
    return after


async def revoke_tokens(change: Change, selection: Selection[TokenFilter]) -> BulkResult:
    """Revokes many; those that are revoked stay as they are. Raises SelectionTooLarge, SelectionChanged."""
    chosen = await choose_tokens(change.connection, selection, change.now)
    before = [row for row in chosen.rows if row["revoked_at"] is None]
    after = await update_rows(change.connection, user_token, before, {"revoked_at": change.now})
    await change.record_edits("revoke", user_token.name, before, after)
    await change.emit_sessions([row["id"] for row in after])
    return BulkResult.of_chosen(chosen, after)


async def revoke_tokens_of_app(change: Change, app_id: int) -> int:
    """Revokes all living tokens of an app; returns how many. Raises RowMissing for an unknown app."""
    await fetch_row(change.connection, app_info, app_id, lock=True)
    ids = await revoke_living(change.connection, app_id, change.now)
    if ids:
        await change.record("revoke-all", app_info.name, app_id, after={"revoked_tokens": len(ids)})
        await change.emit_sessions(ids)
    return len(ids)
