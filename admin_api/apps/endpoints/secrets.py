"""/apps/{id}/secret: replaced, shown once, the old one good for another day."""

from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from admin_api.apps.service.secrets import replaced_secrets, reset_secret, retire_secret
from admin_api.outbox.desk import AtDesk
from admin_api.security.guard import GuardedRoute
from admin_api.security.passwords import GivenPassword
from admin_api.security.permissions import needs
from admin_api.security.signin import SignIn
from admin_api.tables.shapes import Body, Id, View
from openplatform.sealing import Seal
from openplatform.sql import Database


class Confirmation(Body):
    """password: the operator's own."""

    password: GivenPassword


class NewSecretView(View):
    """app_secret: shown this once. The one before goes on working until old_secret_until."""

    app_key: str
    app_secret: str
    old_secret_until: datetime


class ReplacedSecretView(View):
    """A replaced secret. retired_time: null = gateways still accept it; kid: the master key that sealed it."""

    id: int
    kid: str
    create_time: datetime
    expire_time: datetime
    retired_time: datetime | None
    last_used_time: datetime | None


def secret_routes(database: Database, seal: Seal, sign_in: SignIn, zone: ZoneInfo) -> APIRouter:
    """The routes of apps' secrets."""
    router = APIRouter(prefix="/apps/{app_id}", tags=["应用管理"], route_class=GuardedRoute)

    @router.post("/secret", openapi_extra=needs("gw:app:resetSecret"))
    async def replace_secret(app_id: Id, confirmation: Confirmation, desk: AtDesk) -> NewSecretView:
        await sign_in.confirm(desk.by, confirmation.password)
        row, secret, until = await desk.change(lambda change: reset_secret(change, seal, app_id))
        return NewSecretView.of({"app_key": row["app_key"], "app_secret": secret, "old_secret_until": until}, zone)

    @router.get("/secrets", openapi_extra=needs("gw:app:query"))
    async def list_replaced_secrets(app_id: Id) -> list[ReplacedSecretView]:
        async with database.read() as connection:
            return [ReplacedSecretView.of(row, zone) for row in await replaced_secrets(connection, app_id)]

    @router.delete("/secrets/{secret_id}", status_code=204, openapi_extra=needs("gw:app:resetSecret"))
    async def end_replaced_secret(app_id: Id, secret_id: Id, desk: AtDesk) -> None:
        await desk.change(lambda change: retire_secret(change, app_id, secret_id))

    return router
