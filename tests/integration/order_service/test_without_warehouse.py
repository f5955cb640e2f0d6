"""order_service while no warehouse_service is running."""

from order_service.tables import order_intent
from tests.business_services import rows_of, sample_order
from tests.integration.order_service.conftest import Orders


async def test_a_cancellation_waits_for_the_warehouse(orders: Orders) -> None:
    """503 with an isp code, since it is our fault; the intent is kept with its reason, emoji and all, and the order unchanged."""
    await orders.add(sample_order(501))
    answer = await orders.cancel(501, reason="😀" * 200)
    assert (answer.status_code, answer.json()["sub_code"]) == (503, "isp.platform-unavailable")
    assert await orders.states() == {501: 2}
    [intent] = await rows_of(orders.resources.database, order_intent)
    assert (intent["reason"], intent["finished"]) == ("😀" * 200, None)


async def test_reading_needs_no_warehouse(orders: Orders) -> None:
    """Only cancelling asks for it."""
    await orders.add(sample_order(501))
    assert await orders.found() == [501]
    assert (await orders.client.get("/readyz")).status_code == 200
