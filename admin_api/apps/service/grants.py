"""Which APIs an app may call, how often and seeing what; and the addresses it may call from."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from admin_api.apps.repository.grants import (
    add_grants,
    allowed_networks,
    change_grant,
    existing_mappings,
    find_grant,
    granted_mappings,
    remove_grant,
    replace_networks,
)
from admin_api.outbox.changes import Change
from admin_api.tables.apis import app_api_grant, app_mapping
from admin_api.tables.apps import app_info, app_ip_allow
from admin_api.tables.rows import Row, RowMissing, RowStale, fetch_row, update_row
from admin_api.tables.shapes import Body, BodyId, Count, Edit
from openplatform.addresses import parse_network

MAX_NETWORKS = 100
"""Each call of the app compares its address with these one by one."""
_SCOPE_WORD = re.compile(r"[a-z][a-z0-9_-]{0,29}")


def _scope(text: str) -> str:
    words = {word.strip() for word in text.split(",")} - {""}
    if any(_SCOPE_WORD.fullmatch(word) is None for word in words):
        raise ValueError("must be words joined by commas, each of a-z, 0-9, _ and -, such as pii")
    return ",".join(sorted(words))


def _network(text: str) -> str:
    return str(parse_network(text.strip()))


DataScope = Annotated[str, StringConstraints(max_length=100), AfterValidator(_scope)]
Cidr = Annotated[str, StringConstraints(max_length=64), AfterValidator(_network)]


class GrantTerms(Body):
    """What is granted. Limits count this app's calls of this API, null = no such limit; data_scope: what services may show the
    app beyond the least, words joined by commas (`pii`: personal data unmasked)."""

    daily_limit: Count | None = None
    minute_limit: Count | None = None
    data_scope: DataScope = ""


class GrantPut(GrantTerms):
    """version: of the grant that is changed; null = there is none yet."""

    version: BodyId | None = None


class Grants(GrantTerms):
    """Many APIs at once, on the same terms."""

    mapping_ids: Annotated[list[BodyId], Field(min_length=1, max_length=1000)]


class AllowedNetworks(Edit):
    """cidrs: where the app's calls may come from, empty = anywhere; version: the app's."""

    cidrs: Annotated[list[Cidr], Field(max_length=MAX_NETWORKS)]


async def put_grant(change: Change, app_id: int, mapping_id: int, put: GrantPut) -> Row:
    """The grant, made or changed. Raises RowMissing for an unknown app or API, RowStale when it is not as `version` says."""
    await fetch_row(change.connection, app_info, app_id, lock=True)
    await fetch_row(change.connection, app_mapping, mapping_id)
    before = await find_grant(change.connection, app_id, mapping_id)
    terms = put.model_dump(exclude={"version"})
    if (before["version"] if before is not None else None) != put.version:
        raise _stale(app_id, mapping_id, before, terms)
    if before is None:
        await add_grants(change.connection, [{"app_id": app_id, "mapping_id": mapping_id, **terms}])
    else:
        await change_grant(change.connection, app_id, mapping_id, {**terms, "version": before["version"] + 1})
    after = await find_grant(change.connection, app_id, mapping_id)
    assert after is not None
    action = "create" if before is None else "edit"
    await change.record(action, app_api_grant.name, _row_id(app_id, mapping_id), before, after)
    await change.emit_apps([app_id])
    return after


async def grant_many(change: Change, app_id: int, grants: Grants) -> tuple[list[int], list[int], list[int]]:
    """Ids that were granted now, that were granted before (their terms stay) and that name no API. Raises RowMissing for the app."""
    await fetch_row(change.connection, app_info, app_id, lock=True)
    wanted = set(grants.mapping_ids)
    existing = await existing_mappings(change.connection, sorted(wanted))
    kept = await granted_mappings(change.connection, app_id, sorted(existing))
    new = sorted(existing - kept)
    if new:
        terms = grants.model_dump(exclude={"mapping_ids"})
        await add_grants(change.connection, [{"app_id": app_id, "mapping_id": m, **terms} for m in new])
        await change.record("grant", app_info.name, app_id, after={"mapping_ids": new, **terms})
        await change.emit_apps([app_id])
    return new, sorted(kept), sorted(wanted - existing)


async def revoke_grant(change: Change, app_id: int, mapping_id: int) -> None:
    """The app's calls of this API are refused within a second, unless it is open. Raises RowMissing."""
    await fetch_row(change.connection, app_info, app_id, lock=True)
    before = await find_grant(change.connection, app_id, mapping_id)
    if before is None:
        raise RowMissing(app_api_grant.name, _row_id(app_id, mapping_id))
    await remove_grant(change.connection, app_id, mapping_id)
    await change.record("delete", app_api_grant.name, _row_id(app_id, mapping_id), before=before)
    await change.emit_apps([app_id])


async def allow_networks(change: Change, app_id: int, allowed: AllowedNetworks) -> tuple[Row, Sequence[str]]:
    """The app's row and its networks after the change. Raises RowMissing, RowStale."""
    app = await fetch_row(change.connection, app_info, app_id, lock=True)
    if app["version"] != allowed.version:
        raise RowStale(app_info.name, app, {"cidrs": allowed.cidrs})
    before = await allowed_networks(change.connection, app_id)
    await replace_networks(change.connection, app_id, dict.fromkeys(allowed.cidrs))
    after = await update_row(change.connection, app_info, app, {})
    cidrs = await allowed_networks(change.connection, app_id)
    await change.record("edit", app_ip_allow.name, app_id, {"cidrs": before}, {"cidrs": cidrs})
    await change.emit_apps([app_id])
    return after, cidrs


def _stale(app_id: int, mapping_id: int, before: Row | None, terms: Row) -> Exception:
    if before is None:
        return RowMissing(app_api_grant.name, _row_id(app_id, mapping_id))  # it was revoked meanwhile
    return RowStale(app_api_grant.name, before | {"id": _row_id(app_id, mapping_id)}, terms)


def _row_id(app_id: int, mapping_id: int) -> str:
    return f"{app_id}:{mapping_id}"
