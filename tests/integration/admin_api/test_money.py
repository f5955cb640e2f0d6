"""Recharges: a balance moves with its ledger row, once, or not at all."""

import asyncio

from admin_api.tables.apps import customer
from admin_api.tables.billing import balance_ledger, recharge
from tests.admin_world import Caller, World, refusal


async def balance_of(world: World, customer_id: int) -> int:
    return next(row["money"] for row in await world.rows(customer) if row["id"] == customer_id)


async def test_a_paid_recharge_grows_the_balance_with_a_ledger_row(world: World, admin: Caller) -> None:
    """The order number is unique and fits into JavaScript's numbers; the ledger knows the balance after."""
    owner = await admin.new_customer()
    for fen in (12_345, 55):
        made = await admin.made("/recharges", cus_id=owner["id"], money=fen, payment_type=2)
        assert (made["state"], made["customer_name"]) == (0, owner["username"])
        assert 0 < made["order_id"] < 2**53
        assert (await admin.post(f"/recharges/{made['id']}/pay")).json()["state"] == 1
    assert (await admin.shown(f"/customers/{owner['id']}"))["money"] == 12_400
    ledger = (await admin.shown("/ledger", cus_id=owner["id"]))["items"]
    assert [(row["delta"], row["balance_after"], row["reason"]) for row in ledger] == [
        (55, 12_400, "recharge"),
        (12_345, 12_345, "recharge"),
    ]
    assert ledger[0]["reference"] == f"recharge:{made['order_id']}"


async def test_paying_many_times_at_once_pays_once(world: World, admin: Caller) -> None:
    """Every caller hears that it is paid; the balance grew once."""
    owner = await admin.new_customer()
    made = await admin.made("/recharges", cus_id=owner["id"], money=100, payment_type=1)
    answers = await asyncio.gather(*(admin.post(f"/recharges/{made['id']}/pay") for _ in range(8)))
    assert {(a.status_code, a.json()["state"]) for a in answers} == {(200, 1)}
    assert await balance_of(world, owner["id"]) == 100
    assert len(await world.rows(balance_ledger)) == 1


async def test_many_recharges_of_one_customer_at_once_all_count(world: World, admin: Caller) -> None:
    """No update is lost, and the ledger's balances are those of some order."""
    owner = await admin.new_customer()
    made = [await admin.made("/recharges", cus_id=owner["id"], money=n, payment_type=3) for n in (1, 2, 4, 8, 16)]
    await asyncio.gather(*(admin.post(f"/recharges/{one['id']}/pay") for one in made))
    assert await balance_of(world, owner["id"]) == 31
    rows = await world.rows(balance_ledger)
    assert [row["balance_after"] for row in rows] == [sum(r["delta"] for r in rows[: n + 1]) for n in range(5)]


async def test_only_created_ones_are_paid_or_cancelled(world: World, admin: Caller) -> None:
    """0 → 1 and 0 → 2 are the only moves; asked again, a cancelled one stays cancelled."""
    owner = await admin.new_customer()
    paid, cancelled = [await admin.made("/recharges", cus_id=owner["id"], money=5, payment_type=1) for _ in range(2)]
    await admin.post(f"/recharges/{paid['id']}/pay")
    assert (await admin.post(f"/recharges/{cancelled['id']}/cancel")).json()["state"] == 2
    assert (await admin.post(f"/recharges/{cancelled['id']}/cancel")).status_code == 200
    assert refusal(await admin.post(f"/recharges/{cancelled['id']}/pay")) == (409, "wrong-state")
    assert refusal(await admin.post(f"/recharges/{paid['id']}/cancel")) == (409, "wrong-state")
    assert refusal(await admin.post("/recharges/99999/pay")) == (404, "not-found")
    assert await balance_of(world, owner["id"]) == 5
    assert [r["id"] for r in (await admin.shown("/recharges", state=2))["items"]] == [cancelled["id"]]


async def test_paying_and_cancelling_at_once_does_one_of_them(world: World, admin: Caller) -> None:
    """The balance agrees with the state, whichever came first."""
    owner = await admin.new_customer()
    for _ in range(5):
        made = await admin.made("/recharges", cus_id=owner["id"], money=1, payment_type=1)
        before = await balance_of(world, owner["id"])
        answers = await asyncio.gather(*(admin.post(f"/recharges/{made['id']}/{what}") for what in ("pay", "cancel")))
        assert sorted(a.status_code for a in answers) == [200, 409]
        state = (await admin.shown(f"/recharges/{made['id']}"))["state"]
        assert await balance_of(world, owner["id"]) - before == (1 if state == 1 else 0)


async def test_a_request_that_is_sent_again_creates_one_recharge(world: World, admin: Caller) -> None:
    """By Idempotency-Key, per operator; the same key with another request is refused; two at once make one row."""
    owner = await admin.new_customer()
    body = {"cus_id": owner["id"], "money": 7, "payment_type": 1}
    key = {"Idempotency-Key": "form-1"}
    first, again = [await admin.post("/recharges", body, **key) for _ in range(2)]
    assert first.json() == again.json()
    other = await admin.post("/recharges", body | {"money": 8}, **key)
    assert refusal(other) == (409, "idempotency-key-reused")
    colleague = await world.administrator()
    assert (await colleague.post("/recharges", body, **key)).json()["id"] != first.json()["id"]
    both = await asyncio.gather(*(admin.post("/recharges", body, **{"Idempotency-Key": "twice"}) for _ in range(2)))
    assert {a.status_code for a in both} <= {201, 409}
    assert len(await world.rows(recharge)) == 3


BAD: list[dict[str, object]] = [
    {"money": 0}, {"money": -5}, {"money": 1.5}, {"money": "5"}, {"money": 1_000_000_001}, {"money": 2**70}, {"money": None},
    {"state": 1}, {"order_id": 1}, {"id": 1}, {"payment_type": 9}, {"cus_id": 99999}, {"cus_id": 2**40}, {"cus_id": True},
]  # fmt: skip


async def test_a_recharge_that_makes_no_sense_is_refused(world: World, admin: Caller) -> None:
    """No row is left behind; neither state nor number can be chosen."""
    owner = await admin.new_customer()
    for fields in BAD:
        body = {"cus_id": owner["id"], "money": 7, "payment_type": 1} | fields
        assert refusal(await admin.post("/recharges", body)) == (422, "invalid"), fields
    assert await world.rows(recharge) == []
