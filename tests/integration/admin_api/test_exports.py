"""Lists as CSV: every row of the filter, safe to open in a spreadsheet, never a secret."""

import csv
import io
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from admin_api.tables.apps import customer
from tests.admin_world import API, Caller, World, refusal

SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()
PATHS = ("/apps", "/customers", "/tokens", "/mappings", "/recharges", "/ledger", "/audit", "/logins")


async def read(caller: Caller, path: str, **params: object) -> list[dict[str, str]]:
    """The lines of an export by their headings."""
    answer = await caller.get(f"{path}/export", lang="en", **params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert answer.headers["x-total-count"] == str(len(rows))
    return rows


async def test_every_list_is_exported_without_secrets(world: World, admin: Caller) -> None:
    """By the filters of the list; headings in Chinese or English; sealed secrets, hashes and tokens stay inside."""
    app = await admin.new_app(app_name="=1+1")
    token = await admin.made("/tokens", app_id=app["id"], user_id=7, expire_time=SOON)
    await admin.new_mapping(gateway_api_name="open.export.get")
    paid = await admin.made("/recharges", cus_id=app["cus_id"], money=500, payment_type=1)
    await admin.post(f"/recharges/{paid['id']}/pay")
    everything = {path: await read(admin, path) for path in PATHS}
    assert [row["gateway_api_name"] for row in everything["/mappings"]] == ["open.export.get"]
    # One token in 64 begins like a formula.
    assert [row["token_hint"].removeprefix("'") for row in everything["/tokens"]] == [token["token_hint"]]
    assert everything["/tokens"][0]["state"] == "live"
    assert everything["/tokens"][0]["expire_time"].endswith("+08:00")
    assert [row["balance_after"] for row in everything["/ledger"]] == ["500"]
    assert len(everything["/audit"]) == len((await admin.shown("/audit", size=100))["items"])
    for secret in (app["app_secret"], token["access_token"], "v1.k1."):
        assert secret not in str(everything)
    assert await read(admin, "/tokens", state="revoked") == []
    chinese = (await admin.get("/apps/export")).text.splitlines()[0]
    assert chinese.startswith("\ufeff编号,AppKey,应用名称")


async def test_no_cell_becomes_a_formula(world: World, admin: Caller) -> None:
    """What begins like one is text; quotes, commas, line breaks and emoji come back as they were."""
    hard = ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "a,b", 'a"b', "😀 云", "<script>alert(1)</script>"]
    for name in hard:
        await admin.new_customer(nickname=name)
    found = [row["nickname"] for row in await read(admin, "/customers")]
    assert found == ["'" + name if name[0] in "=+-@" else name for name in hard]


async def test_any_number_of_rows_comes_as_a_stream(world: World, admin: Caller) -> None:
    """Chunk by chunk in the order of ids; who leaves midway harms nobody."""
    rows = [
        {"username": f"u{n:05}", "password": "!", "nickname": "", "address": "", "state": 1, "money": n}
        for n in range(2500)
    ]
    async with world.database.begin() as connection:
        await connection.execute(sa.insert(customer), rows)
    assert [row["money"] for row in await read(admin, "/customers")] == [str(n) for n in range(2500)]
    async with admin.http.stream("GET", f"{API}/customers/export") as answer, aclosing(answer.aiter_bytes()) as chunks:
        await anext(chunks)
    assert (await admin.shown("/customers"))["total"] == 2500


async def test_exports_have_permissions_of_their_own(world: World) -> None:
    """Who may look at a list page by page may not yet take all of it away."""
    reader = await world.operator("gw:app:list", "gw:customer:list", "gw:token:list", "sys:audit:view")
    for path in ("/apps", "/customers", "/tokens", "/audit"):
        assert (await reader.get(path)).status_code == 200
        assert refusal(await reader.get(f"{path}/export")) == (403, "forbidden")
    holder = await world.operator("gw:customer:export")
    assert refusal(await holder.get("/customers/export", state=5)) == (422, "invalid")
    assert refusal(await holder.get("/customers/export", page=2)) == (422, "invalid")
