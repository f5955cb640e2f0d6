"""Every row of the error table that can occur so far, provoked over HTTP; and that nothing of it is blamed on the wrong side."""

import asyncio
import json
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from starlette.responses import Response

from openplatform.protocol.timestamps import GMT8
from openplatform.records import SystemParam
from openplatform.signing import SigningKey, canonical_text
from tests.gateway_world import SECRET, World, open_world


def stamp(seconds: float) -> str:
    return (datetime.now(GMT8) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"method": None}, (21, "")),
        ({"method": ""}, (21, "")),
        ({"method": "open.unknown.get"}, (22, "isv.api-not-exists")),
        ({"method": "open.disabled.get"}, (22, "isv.api-not-exists")),
        ({"method": "OPEN.ECHO.GET"}, (22, "isv.api-not-exists")),
        ({"method": "open.echo.get "}, (22, "isv.api-not-exists")),
        ({"method": "../" * 3000}, (22, "isv.api-not-exists")),
        ({"app_key": None}, (28, "")),
        ({"app_key": "nobody"}, (29, "isv.appkey-not-exists")),
        ({"app_key": "{}:*\n" * 20}, (29, "isv.appkey-not-exists")),
        ({"app_key": "disabled"}, (29, "isv.appkey-not-exists")),
        ({"timestamp": None}, (30, "")),
        ({"timestamp": "yesterday"}, (31, "")),
        ({"timestamp": "２０２６-01-01 00:00:00"}, (31, "")),
        ({"timestamp": "9999-12-31 23:59:59"}, (31, "")),
        ({"timestamp": stamp(-86_400)}, (31, "")),
        ({"timestamp": stamp(86_400)}, (31, "")),
        ({"v": None}, (32, "")),
        ({"v": "1.0"}, (33, "")),
        ({"sign_method": "sha1"}, (25, "isv.invalid-sign-method")),
        ({"session": None}, (26, "")),
        ({"session": ""}, (26, "")),
        ({"session": "unknown"}, (27, "session-not-exist")),
        ({"session": "x" * 10_000}, (27, "session-not-exist")),
        ({"session": "expired"}, (27, "session-expired")),
        ({"session": "foreign"}, (27, "sessionkey-not-generated-by-server")),
        ({"required_one": None}, (40, "isv.missing-parameter:required_one")),
        ({"method": "open.dead.get"}, (15, "isp.top-remote-connection-error")),
        ({"method": "open.nobody.get"}, (15, "isp.top-remote-service-unavailable")),
    ],
)
async def test_row(world: World, changes: dict, expected: tuple[int, str]) -> None:
    """One wrong thing, one documented code, over HTTP 200."""
    await world.put("param", "required_one", SystemParam(name="required_one", required=True))
    await world.put_route("open.disabled.get", "/echo", enabled=False)
    await world.put_route("open.dead.get", "/echo", service_id="dead-service", idempotent=True)
    await world.put_route("open.nobody.get", "/echo", service_id="nobody-service")
    await world.put_app("disabled", id=2, enabled=False)
    await world.put_session("expired", ttl_s=0.001)
    await world.put_session("foreign", app_id=99)
    params = {"required_one": "1", **changes}
    method = params.pop("method", "open.echo.get")
    if params.get("sign_method") == "sha1":
        signed = {**world.signed(method, **{**params, "sign_method": None}), "sign_method": "sha1"}
    elif method is None:
        signed = {k: v for k, v in world.signed("x", **params).items() if k != "method"}
    else:
        signed = world.signed(method, **params)
    assert await world.error(signed) == expected
    assert world.seen == []


async def test_signature(world: World) -> None:
    """Missing, of another secret, over other values, cut, non-ASCII: 24 or 25, and no call goes on."""
    params = world.signed(a="1")
    assert await world.error({k: v for k, v in params.items() if k != "sign"}) == (24, "")
    wrong = [
        world.signed(a="1", secret="other"),
        {**params, "a": "2"},
        {**params, "added": "x"},
        {**params, "sign": params["sign"][:-1]},
        {**params, "sign": "签名"},
    ]
    for request in wrong:
        assert await world.error(request) == (25, "isv.invalid-signature")
    assert world.seen == []


async def test_md5_can_be_turned_off(world: World) -> None:
    """An app that does not accept md5 says so."""
    await world.put_app(md5_allowed=False)
    assert await world.error(world.signed(sign_method="md5")) == (25, "isv.invalid-sign-method")


async def test_either_live_secret(world: World) -> None:
    """While a secret is replaced both sign."""
    await world.put_app(secrets=("new secret", SECRET))
    for secret in ("new secret", SECRET):
        assert "open_echo_get_response" in (await world.call(world.signed(secret=secret))).json()
    assert await world.error(world.signed(secret="third")) == (25, "isv.invalid-signature")


async def test_http_method(world: World) -> None:
    """Anything but GET and POST is error 9, in the format asked for."""
    response = await world.http.put(f"{world.url}?format=json", content=b"")
    assert response.json()["error_response"]["code"] == 9
    assert ElementTree.fromstring((await world.http.delete(world.url)).content).find("code").text == "9"


async def test_format(world: World) -> None:
    """Neither xml nor json: 23, answered in XML."""
    response = await world.call(world.signed(format="jsonp", callback="<script>"))
    root = ElementTree.fromstring(response.content)
    assert (root.tag, root.find("code").text) == ("error_response", "23")


async def test_errors_asked_for_as_xml_and_simplified(world: World) -> None:
    """An error asked for as xml is XML; simplify leaves its root in place."""
    assert (
        ElementTree.fromstring((await world.call(world.signed(format="xml", v="3"))).content).find("code").text == "33"
    )
    assert "error_response" in (await world.call(world.signed(simplify="true", v="3"))).json()


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"method=x&a=%ff&format=json", "application/x-www-form-urlencoded", 47),
        (b"a=1&a=2&format=json", "application/x-www-form-urlencoded", 41),
        (b"&".join(b"p%d=" % n for n in range(300)) + b"&format=json", "application/x-www-form-urlencoded", 41),
        (b'{"a":', "application/json", 41),
        (b"x", "multipart/form-data", 3),
        (b"x", "multipart/form-data; boundary=" + "B" * 10_000, 3),
    ],
)
async def test_bodies_that_cannot_be_read(world: World, body: bytes, content_type: str, code: int) -> None:
    """Broken bodies get a code of the table, not a traceback."""
    response = await world.http.post(f"{world.url}?format=json", content=body, headers={"Content-Type": content_type})
    assert response.status_code in (200, 431)
    if response.status_code == 200:
        assert response.json()["error_response"]["code"] == code


async def test_too_large_without_the_front(world: World) -> None:
    """A body past the bound never reaches a parser."""
    response = await world.http.post(f"{world.url}?format=json", content=b"x" * (10 * 1024 * 1024 + 1))
    assert response.status_code == 413 or response.json()["error_response"]["code"] == 3


async def test_limits(world: World) -> None:
    """Code 7 with the exact sentence that clients parse, Retry-After and the RateLimit headers."""
    await world.put_app("tiny", id=5, daily_limit=100, minute_limit=2)
    await world.put_session("tiny-session", app_id=5)
    params = {"app_key": "tiny", "session": "tiny-session"}
    for n in range(2):
        assert "open_echo_get_response" in (await world.call(world.signed(n=str(n), **params))).json()
    response = await world.call(world.signed(**params))
    error = response.json()["error_response"]
    assert (error["code"], error["sub_code"]) == (7, "accesscontrol.limited-by-app-access-count")
    seconds = int(response.headers["retry-after"])
    assert error["sub_msg"] == f"This ban will last for {seconds} more seconds"
    assert 1 <= seconds <= 61
    assert (response.headers["ratelimit-limit"], response.headers["ratelimit-remaining"]) == ("2", "0")
    await world.put_app("tiny", id=5, daily_limit=2, minute_limit=None)
    assert (await world.error(world.signed(**params)))[0] == 7


async def test_real_status_codes(world: World) -> None:
    """An app may ask for them."""
    await world.put_app(real_status_codes=True)
    assert (await world.call({**world.signed(), "sign": "0"})).status_code == 401
    await world.put_app(real_status_codes=True, daily_limit=0)
    assert (await world.call(world.signed())).status_code == 429


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(b'{"sub_code":"isv.no","sub_msg":"{braces} stay"}', 409), (15, "isv.no")),
        (Response(b'{"sub_code":"isv.unauthorised","sub_msg":""}', 401), (15, "isp.top-remote-service-unavailable")),
        (Response(b'{"sub_code":"isp.down","sub_msg":""}', 503), (15, "isp.top-remote-service-unavailable")),
        (Response(b"<html>boom at /srv/secret.py</html>", 500), (15, "isp.top-remote-service-unavailable")),
        (Response(b"nonsense", 400), (15, "isp.top-parse-error")),
        (Response(b"nonsense", 200), (15, "isp.top-parse-error")),
        (Response(b"[1]", 200), (15, "isp.top-parse-error")),
        (Response(b"", 204), (15, "isp.top-parse-error")),
        (Response(b"{}", 200, headers={"content-encoding": "gzip"}), (15, "isp.top-parse-error")),
        (Response(b"", 302, headers={"location": "http://169.254.169.254/"}), (15, "isp.top-parse-error")),
    ],
)
async def test_what_services_answer(world: World, answer: Response, expected: tuple[int, str]) -> None:
    """A business no keeps its sub_code; everything else is isp.*, and nothing of a raw body leaks."""
    world.answers["/echo"] = answer
    response = await world.call(world.signed("open.echo.post"))
    error = response.json()["error_response"]
    assert (error["code"], error["sub_code"]) == expected
    assert "secret.py" not in response.text
    if expected[1] == "isv.no":
        assert error["sub_msg"] == "{braces} stay"


class Late(Response):
    """An answer that comes when nobody waits for it any more."""

    def __init__(self, may_come: asyncio.Event) -> None:
        super().__init__(b"{}")
        self._may_come = may_come

    async def __call__(self, scope, receive, send) -> None:
        await self._may_come.wait()
        await super().__call__(scope, receive, send)


async def test_deadline(world: World) -> None:
    """A read that is late may be repeated; of a write that is late nobody knows the result."""
    deadline_is_over = asyncio.Event()
    await world.put_route("open.slow.get", "/echo", timeout_ms=1000)
    await world.put_route("open.slow.post", "/echo", timeout_ms=1000, http_method="POST")
    await world.put_route("open.read.get", "/echo", timeout_ms=1000, idempotent=True)
    for api, sub_code in (
        ("open.slow.post", "remote-result-unknown"),
        ("open.slow.get", "remote-result-unknown"),
        ("open.read.get", "isp.top-remote-connection-timeout"),
    ):
        world.answers["/echo"] = Late(deadline_is_over)
        assert await world.error(world.signed(api)) == (15, sub_code)
    deadline_is_over.set()


async def test_a_store_that_is_down_is_never_the_callers_fault(world: World) -> None:
    """Redis gone: known sessions go on within local limits, unknown ones are error 10 with Retry-After, never 27."""
    await world.call(world.signed())
    world.embedded.redis_server.connected = False
    try:
        assert "open_echo_get_response" in (await world.call(world.signed())).json()
        response = await world.call(world.signed(session="never seen"))
        error = response.json()["error_response"]
        assert (error["code"], error["sub_code"]) == (10, "isp.platform-unavailable")
        assert response.headers["retry-after"] == "1"
        assert "redis" not in json.dumps(error).lower()
    finally:
        world.embedded.redis_server.connected = True


async def test_a_bug_is_error_10(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody expected is our fault: 10, a traceback in the log under the request id, nothing to the caller."""
    async with open_world(filters=("pre=tests.own_filters:fails",)) as world:
        response = await world.call(world.signed())
        error = response.json()["error_response"]
        assert (error["code"], error["sub_code"]) == (10, "isp.unknown-error")
        assert "a bug" not in response.text
        assert "a bug" in caplog.text
        assert response.headers["x-request-id"] in caplog.text
        (log,) = await world.logs()
        assert log.errorCode == "10:isp.unknown-error"


async def test_md5_length_extension(world: World) -> None:
    """Appending to a request that md5 signed does not give a signed request: the secret stands on both sides."""
    params = world.signed(sign_method="md5", a="1")
    forged = SigningKey("").sign(canonical_text(params) + b"zz", "md5")
    assert await world.error({**params, "zz": "1", "sign": forged}) == (25, "isv.invalid-signature")
