"""The sign debugger for operators: what is wrong with a request that somebody pasted, by its form, its signature, and what is known of
its app, API and session."""

import asyncio
from datetime import datetime

from admin_api.apps.repository.apps import find_app_by_key
from admin_api.apps.repository.grants import find_api, holds_grant
from admin_api.apps.repository.secrets import secrets_of
from admin_api.apps.repository.tokens import find_token_by_hash
from admin_api.apps.service.apps import seal_context
from admin_api.apps.service.tokens import hash_token
from admin_api.security.problems import invalid_field
from admin_api.tables.rows import Row
from openplatform.sealing import Seal, SealBroken
from openplatform.sign_explanation import Explanation, Finding, explain, read_pasted
from openplatform.sql import AsyncConnection


async def explain_pasted(connection: AsyncConnection, seal: Seal, text: str, now: datetime) -> Explanation:
    """Raises a 422 Problem for a text that is no request."""
    try:
        request = read_pasted(text)
    except ValueError as error:
        raise invalid_field("request", str(error)) from None
    read = explain(request, living=[], now=now.timestamp())
    app = await find_app_by_key(connection, read.params.get("app_key", ""))
    living, ended = ([], []) if app is None else await _secrets(connection, seal, app)
    told = await asyncio.to_thread(explain, request, living=living, ended=ended, now=now.timestamp())
    if told.params.get("app_key"):
        told.findings += _of_app(app)
    if told.params.get("method"):
        told.findings += await _of_api(connection, app, told.params, now)
    return told


async def _secrets(connection: AsyncConnection, seal: Seal, app: Row) -> tuple[list[str], list[str]]:
    replaced, retired = await secrets_of(connection, app["id"])
    return _opened(seal, app, [app["app_secret"], *replaced]), _opened(seal, app, retired)


def _opened(seal: Seal, app: Row, blobs: list[str]) -> list[str]:
    secrets = []
    for blob in blobs:
        try:
            secrets.append(seal.open(blob, seal_context(app["app_key"])))
        except SealBroken:  # of a master key that is gone: it signs nothing any more
            continue
    return secrets


def _of_app(app: Row | None) -> list[Finding]:
    if app is None:
        return [Finding("app", "no app has this app_key", "没有应用使用该 app_key")]
    if app["state"] != 1:
        return [Finding("app", "the app is disabled", "应用已停用")]
    if app["customer_state"] != 1:
        return [Finding("app", "the app's customer is disabled", "应用所属客户已停用")]
    return []


async def _of_api(connection: AsyncConnection, app: Row | None, params: dict[str, str], now: datetime) -> list[Finding]:
    api = await find_api(connection, params["method"])
    if api is None:  # built-in ones have no row
        remark = "no API mapping has this name; only built-in APIs need none"
        return [Finding("api", remark, "没有该名称的 API 映射（内置 API 除外）", is_fault=False)]
    if api["state"] != 1:
        return [Finding("api", "the API is disabled", "该 API 已停用")]
    found: list[Finding] = []
    if app is not None and not api["is_open"] and not await holds_grant(connection, app["id"], api["id"]):
        found.append(Finding("grant", "the app holds no grant for this API", "应用未获得该 API 的授权"))
    if api["need_session"]:
        found += await _of_session(connection, app, params.get("session", ""), now)
    return found


async def _of_session(connection: AsyncConnection, app: Row | None, session: str, now: datetime) -> list[Finding]:
    if not session:
        return [Finding("session", "this API needs the parameter session", "该 API 需要 session 参数")]
    token = await find_token_by_hash(connection, hash_token(session))
    if token is None:
        return [Finding("session", "no session has this token", "session 不存在")]
    if token["revoked_at"] is not None:
        return [Finding("session", "the session was revoked", "session 已被吊销")]
    if token["expire_time"] <= now:
        return [Finding("session", "the session has expired", "session 已过期")]
    if app is not None and token["app_id"] != app["id"]:
        return [Finding("session", "the session was granted to another app", "session 属于其他应用")]
    return []
