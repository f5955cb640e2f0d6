"""Stage 10: what a caller's values can do to the request that the service gets, and answers that are not what they seem."""

from typing import Any

import pytest

from gateway.filters.invoke_service import InvokeService
from gateway.guards import Guards
from gateway.metrics import GatewayMetrics
from gateway.upstream import UpstreamAnswer
from openplatform.errors import OpenPlatformError
from tests.unit.gateway.filters.calls import a_call, app_entry, route_entry


class FakeUpstreams:
    """One answer; keeps the head of what would be sent."""

    def __init__(self, answer: UpstreamAnswer) -> None:
        self._answer = answer
        self.head = ""

    async def call(self, service_id: str, head: bytes, body: bytes, **options: Any) -> UpstreamAnswer:
        self.head = head.decode()
        return self._answer


async def head_for(params: dict[str, str], answer: UpstreamAnswer | None = None) -> str:
    """The head that the service gets for a call of merchant 100."""
    upstreams = FakeUpstreams(answer or UpstreamAnswer(200, b"{}"))
    call = a_call(params, app=app_entry(), route=route_entry(), vender_id=100)
    await InvokeService(upstreams, Guards(), GatewayMetrics(), internal_key="k")(call)  # type: ignore[arg-type]
    return upstreams.head


@pytest.mark.parametrize("value", ["8\r\nX-Vender-Id: 1", "../../admin", "8?x=1", "8#", "8 HTTP/1.1", "8%2F..", "／"])
async def test_no_value_leaves_its_place_in_the_path(value: str) -> None:
    """A placeholder's value cannot add a header, a segment or a query."""
    head = await head_for({"id": value})
    request_line, _, headers = head.partition("\r\n")
    path = request_line.removeprefix("GET /a/").removesuffix(" HTTP/1.1")
    assert path.isascii() and not set(path) & set("/?# ")
    assert headers.count("X-Vender-Id:") == 1


@pytest.mark.parametrize("name", ["note\r\nX-Vender-Id", "note HTTP/1.1\r\n", "a&b", "名"])
async def test_no_name_leaves_the_query(name: str) -> None:
    """Names are the caller's as well."""
    head = await head_for({"id": "8", name: "1 \r\n&="})
    request_line, _, headers = head.partition("\r\n")
    assert request_line.count(" ") == 2 and request_line.count("&") == 0 and request_line.isascii()
    assert headers.count("X-Vender-Id:") == 1


@pytest.mark.parametrize(("params", "code"), [({}, 40), ({"id": ""}, 40), ({"id": "."}, 41), ({"id": ".."}, 41)])
async def test_a_placeholder_without_a_usable_value_is_the_callers(params: dict[str, str], code: int) -> None:
    """40 when it is missing, 41 for dots that would move the path."""
    with pytest.raises(OpenPlatformError) as caught:
        await head_for(params)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("answer", "sub_code"),
    [
        (UpstreamAnswer(404, b"not found"), "isp.top-parse-error"),
        (UpstreamAnswer(400, b'{"sub_code":1}'), "isp.top-parse-error"),
        (UpstreamAnswer(403, b'{"sub_code":"isv.no"}'), "isp.top-remote-service-unavailable"),
        (UpstreamAnswer(200, b"\x1f\x8b", content_encoding=b"gzip"), "isp.top-parse-error"),
    ],
)
async def test_an_answer_that_cannot_be_meant_for_the_caller_is_no_business_error(
    answer: UpstreamAnswer, sub_code: str
) -> None:
    """No sub_code, none that is a text, one that speaks of our own key, a coding that was not asked for."""
    with pytest.raises(OpenPlatformError) as caught:
        await head_for({"id": "8"}, answer)
    assert (caught.value.code, caught.value.sub_code) == (15, sub_code)
