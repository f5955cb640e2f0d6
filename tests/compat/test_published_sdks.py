"""TOP SDKs as they are published, with nothing changed but the URL, against a gateway on a real socket."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.responses import Response

from openplatform.records import CallLog
from tests.compat.sdks import SDKS, Sdk, SdkCall, outcomes
from tests.gateway_world import open_world

GOOD = [
    SdkCall(params={}),
    SdkCall(params={"page_no": "1", "fields": "a,b"}),
    SdkCall(params={"keyword": "红色 T恤&a=b+c%20", "note": " ", "emoji": "🍵"}),
    SdkCall(params={"empty": "", "也": "空", "z": ""}),
]
MISTAKES = {
    SdkCall(secret="another secret"): (25, "isv.invalid-signature"),
    SdkCall(session=None): (26, None),
    SdkCall(session="unknown"): (27, "session-not-exist"),
    SdkCall(api="open.unknown.get"): (22, "isv.api-not-exists"),
    SdkCall(api="open.closed.post"): (15, "isv.order-closed"),  # what the service says no to
}
UPLOADS = [
    SdkCall("open.echo.post", {"title": "tea cup", "note": ""}, {"image": "sign=1&method=x"}),
    SdkCall("open.echo.post", {"title": "tea cup"}, {"image": "--B\r\n\r\n" * 100, "other": ""}),
]


@dataclass
class Calls:
    """How the calls of one SDK ended, in the order of GOOD, MISTAKES and UPLOADS; their records; how many the service saw."""

    sdk: Sdk
    ends: list[Any]
    logs: list[CallLog]
    served: int


async def _make_calls(sdk: Sdk) -> Calls:
    uploads = UPLOADS if sdk.sends_files else [replace(call, files={}) for call in UPLOADS]
    async with open_world() as world:
        await world.put_route("open.closed.post", "/items/1", http_method="POST")
        world.answers["/items/1"] = Response('{"sub_code":"isv.order-closed","sub_msg":"订单已关闭"}', 409)
        ends = await outcomes(sdk, world.url, [*GOOD, *MISTAKES, *uploads])
        return Calls(sdk, ends, await world.logs(), len(world.seen))


@pytest.fixture(scope="module", params=SDKS, ids=str)
def calls(request: pytest.FixtureRequest) -> Calls:
    """One process of the SDK makes all calls: starting it takes longer than they do."""
    return asyncio.run(_make_calls(request.param))


def test_good_calls(calls: Calls) -> None:
    """A call comes back with what the service said; Chinese, separators, emoji and empty values reach it as they were given."""
    assert [end["echo"] for end in calls.ends[: len(GOOD)]] == [call.params for call in GOOD]


def test_mistakes(calls: Calls) -> None:
    """Each mistake reaches the SDK's user as the code and sub_code of the table, and the service hears nothing of it."""
    ends = calls.ends[len(GOOD) : len(GOOD) + len(MISTAKES)]
    assert dict(zip(MISTAKES, ends, strict=True)) == MISTAKES
    assert calls.served == len(GOOD) + 1 + len(UPLOADS)


def test_files(calls: Calls) -> None:
    """A file goes up beside signed text, an empty value among it; the service gets the text."""
    assert [end["echo"] for end in calls.ends[-len(UPLOADS) :]] == [call.params for call in UPLOADS]


def test_records(calls: Calls) -> None:
    """Every call leaves one record, under the request id that the SDK's user has in hand."""
    assert len(calls.logs) == len(calls.ends)
    in_hand = [end["request_id"] for end in calls.ends if isinstance(end, dict)]
    assert in_hand == [log.requestId for log in calls.logs if log.errorCode == "0"]
