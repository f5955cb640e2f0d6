"""Many calls in one request, as the protocol's page has them, through both doors."""

import asyncio
import json
from xml.etree import ElementTree

import pytest
from starlette.responses import Response

from openplatform.records import SystemParam
from tests.batching import SEPARATOR, batch_url, body_of, parts_of, post_batch
from tests.gateway_world import SESSION, World

pytestmark = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
ECHO = {"method": "open.echo.get", "session": SESSION}


async def answers(world: World, *args, **kwargs) -> list[dict]:
    return [json.loads(part) for part in parts_of(await post_batch(world, *args, **kwargs))]


async def test_answers_come_in_the_order_of_the_calls(world: World) -> None:
    """Each in its own envelope, joined by the separator; good ones and bad ones side by side; each with its own request id."""
    calls = [
        {**ECHO, "a": "红 +&=%"},
        {"method": "open.none.get"},
        {"method": "open.time.get"},
        {"method": "open.item.get", "item_id": "7", "session": SESSION},
        {"method": "open.echo.post", "session": "unknown"},
    ]
    response = await post_batch(world, calls)
    assert response.headers["content-type"] == "text/plain;charset=UTF-8"
    good, unknown, time, item, session = map(json.loads, parts_of(response))
    assert good["open_echo_get_response"]["echo"] == {"a": "红 +&=%"}
    assert unknown["error_response"]["code"] == 22
    assert "time" in time["open_time_get_response"]
    assert item["open_item_get_response"]["path"] == "/items/7"
    assert session["error_response"]["sub_code"] == "session-not-exist"
    batch_id = response.headers["x-request-id"]
    assert good["open_echo_get_response"]["request_id"] == f"{batch_id}-1"
    assert session["error_response"]["request_id"] == f"{batch_id}-5"


async def test_what_is_shared_stands_once(world: World) -> None:
    """`#PUBLIC#` holds parameters of all calls; a call's own win; `N` is a call without any."""
    first, second, third = await answers(world, [{}, {"a": "2"}, {"method": "open.time.get"}], {**ECHO, "a": "1"})
    assert first["open_echo_get_response"]["echo"] == {"a": "1"}
    assert second["open_echo_get_response"]["echo"] == {"a": "2"}
    assert "open_time_get_response" in third
    (session_in_query,) = await answers(world, [{"method": "open.echo.get"}], session=SESSION)
    assert "open_echo_get_response" in session_in_query


async def test_a_separator_of_ones_own(world: World) -> None:
    """Named in the header, used in both directions."""
    response = await post_batch(world, [ECHO, {"method": "open.time.get"}], separator="<~>")
    assert [next(iter(json.loads(p))) for p in parts_of(response, "<~>")] == [
        "open_echo_get_response",
        "open_time_get_response",
    ]
    body = body_of([ECHO])
    response = await world.http.post(batch_url(world, body), content=body, headers={"top-api-separator": "x" * 65})
    assert response.json()["error_response"]["sub_code"] == "isv.invalid-parameter:top-api-separator"


async def test_xml_is_the_default_and_cannot_be_split_by_its_content(world: World) -> None:
    """Each part is an XML document; line ends in a value are written so that they are none, and come back as they were."""
    world.answers["/echo"] = Response(json.dumps({"note": f"a{SEPARATOR}b"}))
    response = await post_batch(world, [ECHO, {"method": "open.time.get"}, {"method": "x"}], format=None)
    echo, time, unknown = [ElementTree.fromstring(part) for part in parts_of(response)]
    assert echo.find("note").text == f"a{SEPARATOR}b"
    assert time.tag == "open_time_get_response"
    assert unknown.find("code").text == "22"
    (simple,) = await answers(world, [{"method": "open.time.get"}], simplify="true")
    assert "time" in simple


async def test_the_signature_covers_parameters_and_body(world: World) -> None:
    """Anything changed on the way refuses the whole batch: part 0 is the one error, no call is run."""
    body = body_of([ECHO, ECHO])
    url = batch_url(world, body)
    wrong = [
        (url, body + b"&a=1"),
        (url, body.replace(b"\r\n-S-\r\n", b"\r\n-S-\r\n" * 2)),
        (f"{url}&simplify=true", body),
        (batch_url(world, body, secret="other"), body),
    ]
    for there, what in wrong:
        error = (await world.http.post(there, content=what)).json()["error_response"]
        assert (error["code"], error["sub_code"]) == (25, "isv.invalid-signature")
    assert world.seen == []
    assert len(await world.logs()) == len(wrong)
    for method in ("md5", "hmac", None):
        assert "open_echo_get_response" in (await answers(world, [ECHO], sign_method=method))[0]


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ({"app_key": None}, 28), ({"app_key": "nobody"}, 29), ({"timestamp": None}, 30), ({"timestamp": "1"}, 31),
        ({"v": None}, 32), ({"v": "1"}, 33), ({"format": "yaml"}, 23), ({"sign_method": "md5", "v": "3"}, 33),
    ],
)  # fmt: skip
async def test_a_batch_refused_as_a_whole(world: World, system: dict, code: int) -> None:
    """System parameters are checked as those of a call; XML where the format is none."""
    response = await post_batch(world, [ECHO, ECHO], **system)
    if code == 23:
        assert ElementTree.fromstring(response.content).find("code").text == "23"
    else:
        assert response.json()["error_response"]["code"] == code
    assert world.seen == []


@pytest.mark.parametrize(
    ("calls", "public", "code"),
    [
        ([], None, 40),
        ([], ECHO, 40),
        ([ECHO] * 21, None, 41),
        ([ECHO], {"app_key": "other"}, 41),
        ([ECHO], {f"p{n}": "1" for n in range(257)}, 41),
    ],
)
async def test_bodies_that_are_no_batch(world: World, calls: list, public: dict | None, code: int) -> None:
    """No call, too many of them, shared parameters that only the signed query may say."""
    assert (await post_batch(world, calls, public)).json()["error_response"]["code"] == code
    assert world.seen == []


async def test_a_part_that_is_wrong_ends_alone(world: World) -> None:
    """Not UTF-8, doubled names, too many parameters, a claim to be another app: its own error, the others go on."""
    parts = ["%ff=1", "a=1&a=2", "&".join(f"p{n}=" for n in range(300)), {**ECHO, "app_key": "other"}, "", ECHO]
    found = await answers(world, parts)
    assert [part.get("error_response", {}).get("code") for part in found] == [47, 41, 41, 41, 21, None]


async def test_only_a_post_is_a_batch(world: World) -> None:
    """Any other HTTP method is error 9."""
    body = body_of([ECHO])
    assert (await world.http.get(batch_url(world, b""))).json()["error_response"]["code"] == 9
    assert (await world.http.put(batch_url(world, body), content=body)).json()["error_response"]["code"] == 9


async def test_every_call_counts_and_leaves_its_record(world: World) -> None:
    """Ten calls at a limit of four: four pass. Ten records, none of the batch itself; limits of the app as everywhere."""
    await world.put_app("tiny", id=5, daily_limit=4)
    response = await post_batch(world, [{"method": "open.time.get"}] * 10, app_key="tiny")
    codes = [json.loads(part).get("error_response", {}).get("code", 0) for part in parts_of(response)]
    assert sorted(codes) == [0] * 4 + [7] * 6
    logs = await world.logs()
    batch_id = response.headers["x-request-id"]
    assert sorted(log.requestId for log in logs) == sorted(f"{batch_id}-{n}" for n in range(1, 11))
    assert {(log.appkey, log.apiName, log.httpMethod) for log in logs} == {("tiny", "open.time.get", "POST")}
    assert sum(log.errorCode == "0" for log in logs) == 4


async def test_calls_run_at_the_same_time(world: World) -> None:
    """Five calls of a service that holds each of them until all five are there."""
    there = asyncio.Barrier(5)

    class Together(Response):
        async def __call__(self, scope, receive, send) -> None:
            async with asyncio.timeout(30):
                await there.wait()
            await super().__call__(scope, receive, send)

    for n in range(5):
        world.answers[f"/items/{n}"] = Together(b"{}")
    calls = [{"method": "open.item.get", "item_id": str(n)} for n in range(5)]
    assert all("open_item_get_response" in part for part in await answers(world, calls, {"session": SESSION}))


async def test_required_system_parameters_and_replay_guard(world: World) -> None:
    """What operators require may stand in the query; a guarded call of a batch goes through once, its neighbour too."""
    await world.put("param", "partner_no", SystemParam(name="partner_no", required=True))
    await world.put_route("open.guarded.post", "/echo", http_method="POST", replay_guard=True)
    guarded = {"method": "open.guarded.post", "session": SESSION}
    assert (await answers(world, [guarded]))[0]["error_response"]["code"] == 40
    body = body_of([guarded, guarded])
    url = batch_url(world, body, partner_no="7")
    first = (await world.http.post(url, content=body)).text
    assert first.count("open_guarded_post_response") == 2
    again = (await world.http.post(url, content=body)).text
    assert again.count("isv.replayed-request") == 2


async def test_types_and_defaults_of_system_parameters(world: World) -> None:
    """The service gets the default of a call that left the parameter out, of a batch's too, and its signature stays right; a value
    of another type is error 41 and reaches no service."""
    await world.put(
        "param",
        "lang",
        SystemParam(name="lang", required=True, value_type="choice", choices=("zh", "en"), default_value="zh"),
    )
    for sent in ({}, {"lang": ""}, {"lang": "en"}):
        answer = (await world.call(world.signed(a="1", **sent))).json()["open_echo_get_response"]["echo"]
        assert answer == {"a": "1", "lang": sent.get("lang") or "zh"}
    calls = [{"method": "open.echo.get", "a": "1"}, {"method": "open.echo.get", "lang": "en"}]
    parts = await answers(world, calls, {"session": SESSION})
    assert [part["open_echo_get_response"]["echo"] for part in parts] == [{"a": "1", "lang": "zh"}, {"lang": "en"}]
    world.seen.clear()
    assert await world.error(world.signed(lang="de")) == (41, "isv.invalid-parameter:lang")
    assert world.seen == []
    (shared,) = await answers(world, calls[:1], {"session": SESSION}, lang="en")
    assert shared["open_echo_get_response"]["echo"] == {"a": "1", "lang": "en"}
    await world.put("param", "lang", SystemParam(name="lang", required=False, value_type="integer", default_value="7"))
    assert (await world.call(world.signed(lang="de"))).json()["open_echo_get_response"]["echo"] == {"lang": "de"}
