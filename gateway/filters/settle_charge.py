"""Stage 8, billing, after the call's end: the price that was reserved with the call's admission is kept or given back."""

from gateway.call import Call
from gateway.charges import Charges
from openplatform.errors import REMOTE_RESULT_UNKNOWN
from openplatform.ports import Clock
from openplatform.records import Charge


class SettleCharge:
    """Charges for answers of the service, cached ones included; not for its refusals, what was answered
    in its place, nor faults of ours.

    A write that was sent and not answered is charged, since it may have happened; so is one whose caller left meanwhile.
    """

    def __init__(self, charges: Charges, clock: Clock) -> None:
        self._charges = charges
        self._clock = clock

    def __call__(self, call: Call) -> None:
        entry = call.route
        if entry is None or not entry.route.needs_fee:
            return
        if call.verdict is None or not call.verdict.admitted or call.app is None:
            return  # nothing was reserved
        route, app = entry.route, call.app.app
        if route.price_fen > 0 and _has_its_price(call, idempotent=route.idempotent):
            self._charges.keep(
                Charge(
                    request_id=call.request_id,
                    customer_id=app.customer_id,
                    price_fen=route.price_fen,
                    app_key=app.app_key,
                    api_name=route.api_name,
                    at_ms=int(self._clock.now() * 1000),
                )
            )
        else:
            self._charges.give_back(app.customer_id, call.request_id)


def _has_its_price(call: Call, *, idempotent: bool) -> bool:
    if call.error is None:
        return not call.fallback  # which no service answered
    if call.given_up:  # by its caller: what it asked for may have happened
        return call.service_ms is not None and not idempotent
    return call.error.sub_code == REMOTE_RESULT_UNKNOWN.sub_code
