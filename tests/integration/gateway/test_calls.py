"""Good calls, as SDKs send them, and what the service and the log get to see."""

import gzip
import json
from xml.etree import ElementTree

import pytest
from starlette.responses import Response

from openplatform.protocol import encode_query
from tests.gateway_world import INTERNAL_KEY, SESSION, World

pytestmark = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)


async def test_a_call_reaches_its_service_and_comes_back(world: World) -> None:
    """A signed form goes in, the service's JSON comes back in its envelope, with our request id last."""
    response = await world.call(world.signed(page_no="1", keyword="红色 T恤&a=b+c"))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    answer = response.json()["open_echo_get_response"]
    assert answer["echo"] == {"page_no": "1", "keyword": "红色 T恤&a=b+c"}
    assert list(answer)[-1] == "request_id"
    assert answer["request_id"] == response.headers["x-request-id"]


async def test_what_the_service_is_told(world: World) -> None:
    """The merchant of the session, the app, the API and the request id; nothing that the caller sent under these names."""
    forged = {"X-Vender-Id": "1", "X-Internal-Key": "x", "X-Request-Id": "mine", "X-App-Key": "other"}
    params = world.signed("open.echo.post", vender_id="1", venderId="2")
    response = await world.http.post(world.url, data=params, headers=forged)
    _, headers, sent = world.seen[0]
    assert headers["x-vender-id"] == "777"
    assert headers["x-app-key"] == "1023"
    assert headers["x-api-name"] == "open.echo.post"
    assert headers["x-request-id"] == response.headers["x-request-id"] != "mine"
    assert headers["x-internal-key"] == INTERNAL_KEY
    assert headers["x-request-deadline-ms"] == "10000"
    assert sent == {"vender_id": "1", "venderId": "2"}


async def test_get_with_everything_in_the_query(world: World) -> None:
    """A GET works as well, with a body or a charset in its content type too."""
    url = f"{world.url}?{encode_query(world.signed(a='1 +%'))}"
    assert (await world.http.get(url)).json()["open_echo_get_response"]["echo"] == {"a": "1 +%"}
    gbk = {"Content-Type": "application/x-www-form-urlencoded;charset=gbk"}
    assert (await world.http.request("GET", url, headers=gbk)).json()["open_echo_get_response"]["echo"] == {"a": "1 +%"}


async def test_system_parameters_in_the_query_business_in_the_body(world: World) -> None:
    """The split that several SDKs use, one value repeated in both places included."""
    params = world.signed(a="1")
    system = {k: v for k, v in params.items() if k != "a"}
    response = await world.http.post(f"{world.url}?{encode_query(system)}", data={"a": "1", "v": "2.0"})
    assert response.json()["open_echo_get_response"]["echo"] == {"a": "1"}
    empty = await world.http.post(
        f"{world.url}?{encode_query(world.signed())}", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert empty.json()["open_echo_get_response"]["echo"] == {}


async def test_json_and_raw_bodies(world: World) -> None:
    """JSON members are signed like a form's; any other body is signed as it is."""
    members = {"n": "[1, 2]"}
    params = world.signed("open.echo.post", **members)
    url = f"{world.url}?{encode_query({k: v for k, v in params.items() if k not in members})}"
    response = await world.http.post(url, content=b'{"n":[1, 2]}', headers={"Content-Type": "application/json"})
    assert response.json()["open_echo_post_response"]["echo"] == members
    raw = b"<x>any</x>"
    url = f"{world.url}?{encode_query(world.signed(body=raw))}"
    response = await world.http.post(url, content=raw, headers={"Content-Type": "text/xml"})
    assert "open_echo_get_response" in response.json()


async def test_multipart(world: World) -> None:
    """Text parts are signed, file parts are not."""
    params = world.signed("open.echo.post", a="中")
    files = [(name, (None, value)) for name, value in params.items()]
    response = await world.http.post(world.url, files=[*files, ("image", ("a.png", b"\x89PNG", "image/png"))])
    assert response.json()["open_echo_post_response"]["echo"] == {"a": "中"}


@pytest.mark.parametrize("method", ["md5", "hmac", "hmac-sha256", None, ""])
async def test_every_sign_method(world: World, method: str | None) -> None:
    """md5 is the default; lower-case hex and kept empty names are accepted."""
    params = world.signed(sign_method=method, a="1")
    assert "open_echo_get_response" in (await world.call(params)).json()
    lower = {**params, "sign": params["sign"].lower()}
    assert "open_echo_get_response" in (await world.call(lower)).json()


async def test_epoch_milliseconds(world: World) -> None:
    """The other form of the timestamp."""
    stamp = str(int(world.resources.clock.now() * 1000))
    assert "open_echo_get_response" in (await world.call(world.signed(timestamp=stamp))).json()


async def test_xml_is_the_default_and_lists_are_wrapped(world: World) -> None:
    """Without `format` the answer is XML; json wraps lists, simplify does not and drops the root."""
    lists = Response(b'{"orders":[{"id":12345678901234567890}],"total":1}', media_type="application/json")
    world.answers["/echo"] = lists
    response = await world.call(world.signed(format=None))
    assert response.headers["content-type"] == "text/xml;charset=UTF-8"
    root = ElementTree.fromstring(response.content)
    assert (root.tag, root.find("orders/order/id").text) == ("open_echo_get_response", "12345678901234567890")
    world.answers["/echo"] = lists
    answer = (await world.call(world.signed())).json()["open_echo_get_response"]
    assert answer["orders"] == {"order": [{"id": 12345678901234567890}]}
    world.answers["/echo"] = lists
    assert (await world.call(world.signed(simplify="true"))).json()["orders"] == [{"id": 12345678901234567890}]


async def test_gzip_only_when_asked_for(world: World) -> None:
    """Accept-Encoding decides; a small answer stays as it is."""
    params = world.signed("open.echo.post", a="x" * 5000)
    plain = await world.http.post(world.url, data=params, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    async with world.http.stream("POST", world.url, data=params, headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(raw))["open_echo_post_response"]["echo"] == {"a": "x" * 5000}


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip;q=0.5", True),
        ("gzip;q=0.001, br", True),
        ("br, gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("br", False),
    ],
)
async def test_what_accept_encoding_says_of_gzip(world: World, accepted: str, zipped: bool) -> None:
    """A weight of nothing refuses, any other takes."""
    params = world.signed("open.echo.post", a="x" * 5000)
    response = await world.http.post(world.url, data=params, headers={"Accept-Encoding": accepted})
    assert ("content-encoding" in response.headers) == zipped


async def test_placeholders_are_filled_and_leave_the_parameters(world: World) -> None:
    """A value cannot move the path: it is escaped, and dots alone are refused."""
    answer = (await world.call(world.signed("open.item.get", item_id="7 ü", b="2"))).json()
    assert answer["open_item_get_response"]["path"] == "/items/7 ü"
    assert answer["open_item_get_response"]["echo"] == {"item_id": "7 ü", "b": "2"}
    assert await world.error(world.signed("open.item.get", item_id="..")) == (41, "isv.invalid-parameter:item_id")
    assert await world.error(world.signed("open.item.get")) == (40, "isv.missing-parameter:item_id")


async def test_one_record_of_every_call(world: World) -> None:
    """Whatever the end, one record: who, what, from where, how it ended; secrets and personal data masked."""
    good = await world.call(world.signed(cons_phone="13800000000", keyword="红\r\n色\x1b[0m", app_secret="s3cr3t"))
    bad = await world.call({**world.signed(), "sign": "0" * 64})
    await world.http.put(world.url)
    logs = {log.requestId: log for log in await world.logs()}
    assert len(logs) == 3
    log = logs[good.headers["x-request-id"]]
    assert (log.appkey, log.apiName, log.venderId, log.errorCode) == ("1023", "open.echo.get", 777, "0")
    assert (log.remoteIp, log.servIP, log.gatewayNode, log.httpMethod) == (
        "127.0.0.1",
        "127.0.0.1",
        "test-node",
        "POST",
    )
    assert log.responseBytes == len(good.content)
    assert log.attempts == 1
    assert log.serviceTime is not None
    assert log.serviceTime <= log.platformRepTime
    assert "cons_phone=***" in log.requestContent
    assert "keyword=红\\u000d\\u000a色\\u001b[0m" in log.requestContent
    for secret in ("13800000000", "s3cr3t", SESSION):
        assert secret not in log.requestContent
    assert logs[bad.headers["x-request-id"]].errorCode == "25:isv.invalid-signature"


async def test_long_content_is_cut_and_says_so(world: World) -> None:
    """A record holds at most 8 KiB of a request."""
    await world.call(world.signed("open.echo.post", a="y" * 20_000))
    (log,) = await world.logs()
    assert (len(log.requestContent), log.truncated) == (8192, True)
