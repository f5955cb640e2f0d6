"""Stage 10, before the service call: an API with a replay guard takes each signature once, over all processes."""

from collections.abc import Awaitable
from contextlib import suppress

from gateway.call import Call
from openplatform.errors import REPLAYED_REQUEST, CallRejected, PlatformUnavailable
from openplatform.ports import UsedSignatures

SLACK_S = 60
"""Beyond twice the window, in which a timestamp is good: what the clocks of our processes may be apart."""


class GuardReplay:
    """Claims the call's signature; the last stage before the service is asked. The store down: error 10, for these APIs only.

    window_s: the platform's timestamp window, unless the API has its own.
    """

    def __init__(self, signatures: UsedSignatures, *, window_s: int) -> None:
        self._signatures = signatures
        self._window_s = window_s

    def __call__(self, call: Call) -> Awaitable[None] | None:
        assert call.route is not None
        return self._claim(call) if call.route.route.replay_guard and not call.service_body else None

    async def _claim(self, call: Call) -> None:
        assert call.route is not None
        call.guarded_s = 2 * (call.route.route.timestamp_window_s or self._window_s) + SLACK_S
        is_first = False
        try:
            is_first = await self._signatures.claim(*_mark(call), by=call.request_id, keep_s=call.guarded_s)
        except PlatformUnavailable:
            # It may have been made: the caller is told to come again, and must not meet its own mark then.
            with suppress(PlatformUnavailable):
                await self._signatures.give_back(*_mark(call), by=call.request_id)
            raise
        finally:
            if not is_first:
                call.guarded_s = 0
        if not is_first:
            raise REPLAYED_REQUEST()


class GiveSignatureBack:
    """Lets the same bytes come again when none of them had left for the service."""

    def __init__(self, signatures: UsedSignatures) -> None:
        self._signatures = signatures

    def __call__(self, call: Call) -> Awaitable[None] | None:
        if not call.guarded_s or call.error is None:
            return None
        # A service's no is ServiceRejected: what still rejects the call as ours did so before the service was asked.
        if not (call.error.is_unsent or isinstance(call.error, CallRejected)):
            return None
        return self._give_back(call)

    async def _give_back(self, call: Call) -> None:
        with suppress(PlatformUnavailable):
            await self._signatures.give_back(*_mark(call), by=call.request_id)


def _mark(call: Call) -> tuple[str, str]:
    """Who signed, and the signature as it was checked: either case of its hex is accepted, and is the same signature."""
    assert call.app is not None
    return call.app.app.app_key, call.params["sign"].upper()
