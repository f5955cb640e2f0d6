"""Requests that are sent again under their Idempotency-Key: one row, the same answer, secrets included."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from admin_api.tables.apps import app_info
from admin_api.tables.platform import idempotency_key
from tests.admin_world import Caller, World, refusal

SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()


async def creations(admin: Caller) -> list[tuple[str, dict[str, Any]]]:
    """Every POST that makes something new, with a body that it takes."""
    app = await admin.new_app()
    return [
        ("/customers", {"username": "once"}),
        ("/apps", {"cus_id": app["cus_id"], "corp_name": "云帆", "app_name": "ERP", "daily_limit": 1}),
        ("/mappings", {"gateway_api_name": "open.once.get", "service_id": "order-service", "inside_api_url": "/once"}),
        ("/tokens", {"app_id": app["id"], "user_id": 1, "expire_time": SOON}),
        ("/recharges", {"cus_id": app["cus_id"], "money": 7, "payment_type": 1}),
        ("/users", {"email": "once@pailou.example", "real_name": "李雷"}),
        ("/roles", {"name": "once"}),
        ("/menus", {"name": "once", "type": 0}),
        ("/sysparams", {"name": "once"}),
    ]


async def test_what_is_sent_again_is_made_once(world: World, admin: Caller) -> None:
    """The second answer is the first one, marked; no secret is stored in plain text; another body under the key is refused."""
    for number, (path, body) in enumerate(await creations(admin)):
        key = {"Idempotency-Key": f"form-{number}"}
        first, again = await admin.post(path, body, **key), await admin.post(path, body, **key)
        assert (first.status_code, again.status_code) == (201, 201), again.text
        assert first.json() == again.json()
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        changed = {name: value for name, value in body.items() if name not in ("type", "money")} | {"remark": "x"}
        assert refusal(await admin.post(path, changed, **key))[0] in (409, 422), path
        other_path = await admin.post("/roles" if path != "/roles" else "/sysparams", {"name": f"other{number}"}, **key)
        assert refusal(other_path) == (409, "idempotency-key-reused")
        told = first.json()
        for secret in (told.get("app_secret"), told.get("access_token"), told.get("password")):
            assert secret is None or secret not in str(await world.rows(idempotency_key))


async def test_two_at_once_make_one_row(world: World, admin: Caller) -> None:
    """A double click creates one app, and both answers tell its secret."""
    owner = await admin.new_customer()
    body = {"cus_id": owner["id"], "corp_name": "云帆", "app_name": "ERP", "daily_limit": 1}
    both = await asyncio.gather(*(admin.post("/apps", body, **{"Idempotency-Key": "twice"}) for _ in range(2)))
    assert {answer.status_code for answer in both} == {201}
    assert both[0].json()["app_secret"] == both[1].json()["app_secret"]
    assert len(await world.rows(app_info)) == 1


async def test_a_payment_that_is_confirmed_again_moves_the_balance_once(world: World, admin: Caller) -> None:
    """With a key or without; a key belongs to one operator and one request."""
    owner = await admin.new_customer()
    made = [await admin.made("/recharges", cus_id=owner["id"], money=5, payment_type=1) for _ in range(2)]
    pay = [f"/recharges/{one['id']}/pay" for one in made]
    for _ in range(2):
        assert (await admin.post(pay[0], **{"Idempotency-Key": "pay"})).json()["state"] == 1
    assert refusal(await admin.post(pay[1], **{"Idempotency-Key": "pay"})) == (409, "idempotency-key-reused")
    assert (await admin.shown(f"/customers/{owner['id']}"))["money"] == 5
    for bad in ("", "x" * 101, "a b"):
        assert refusal(await admin.post(pay[1], **{"Idempotency-Key": bad})) == (422, "invalid"), bad
