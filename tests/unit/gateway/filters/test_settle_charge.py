"""Billing after the call's end: which calls are charged, and which get their price back."""

import asyncio

import pytest

from gateway.charges import Charges
from gateway.filters.settle_charge import SettleCharge
from openplatform.adapters.batch_queue_memory import MemoryBatchPublisher
from openplatform.errors import REMOTE_RESULT_UNKNOWN, REMOTE_TIMEOUT, UNKNOWN_ERROR, OpenPlatformError, business_error
from openplatform.records import QuotaVerdict
from tests.unit.gateway.filters.calls import NOW, StoppedClock, a_call, app_entry, route_entry

ADMITTED = QuotaVerdict(admitted=True)


class Ended:
    """What the filter decided about the calls it was shown."""

    def __init__(self) -> None:
        charges = Charges(None, MemoryBatchPublisher(asyncio.Queue()), node="n")  # type: ignore[arg-type]  # nothing is sent
        self.charges = charges
        self._filter = SettleCharge(charges, StoppedClock())

    def __call__(self, *, idempotent: bool = True, **fields: object) -> str:
        route = route_entry(needs_fee=fields.pop("needs_fee", True), price_fen=7, idempotent=idempotent)
        self._filter(a_call(**{"app": app_entry(customer_id=3), "route": route, "verdict": ADMITTED, **fields}))
        if self.charges.kept.waiting:
            (charge,) = self.charges.kept._records
            assert (charge.request_id, charge.customer_id, charge.price_fen) == ("id1", 3, 7)
            assert (charge.app_key, charge.api_name, charge.at_ms) == ("1023", "open.a.get", int(NOW * 1000))
            return "kept"
        if self.charges.given_back.waiting:
            assert list(self.charges.given_back._records) == [(3, "id1")]
            return "given back"
        return "nothing"


async def test_an_answer_has_its_price() -> None:
    """A call that was answered is charged with the price of its API, to the app's customer."""
    assert Ended()() == "kept"


@pytest.mark.parametrize("error", [REMOTE_TIMEOUT(), business_error("isv.order-not-exist", ""), UNKNOWN_ERROR()])
async def test_refusals_and_faults_cost_nothing(error: OpenPlatformError) -> None:
    """A service that is late, says no, or a fault of ours: the price is given back."""
    assert Ended()(error=error) == "given back"


async def test_what_is_answered_in_the_services_place_costs_nothing() -> None:
    """The fallback body of an open breaker: no service answered."""
    assert Ended()(fallback="body") == "given back"


async def test_a_write_that_may_have_happened_has_its_price() -> None:
    """A write that was sent and not answered is charged; so is one whose caller left before its answer, a read is not."""
    assert Ended()(error=REMOTE_RESULT_UNKNOWN()) == "kept"
    gone = {"error": UNKNOWN_ERROR(), "given_up": True}
    assert Ended()(**gone, service_ms=3.0, idempotent=False) == "kept"
    assert Ended()(**gone, service_ms=3.0) == "given back"
    assert Ended()(**gone, idempotent=False) == "given back"


async def test_what_was_not_reserved_is_not_touched() -> None:
    """APIs without a price, calls that failed before admission, and calls that were refused."""
    assert Ended()(needs_fee=False) == "nothing"
    assert Ended()(route=None) == "nothing"
    assert Ended()(verdict=None) == "nothing"
    assert Ended()(verdict=QuotaVerdict(admitted=False, rule="balance")) == "nothing"
