"""How long the stages of a call took: told to our own processes only."""

import time

import pytest

from openplatform import stage_times
from openplatform.protocol import encode_query
from tests.gateway_world import INTERNAL_KEY, World

pytestmark = pytest.mark.parametrize("world", ["lane", "asgi"], indirect=True)
FORM = "application/x-www-form-urlencoded"


async def test_who_holds_the_internal_key_learns_the_time_of_each_stage(world: World) -> None:
    """Every stage that ran, in order, in microseconds; of a refused call those up to the refusal."""
    for params, last in ((world.signed(a="1"), "RenderAnswer"), (world.signed() | {"sign": "0" * 32}, "VerifySign")):
        body = encode_query(params).encode()
        asked = {stage_times.ASKING_HEADER: stage_times.ask(INTERNAL_KEY, b"", body, now=time.time())}
        answer = await world.http.post(world.url, content=body, headers={"Content-Type": FORM, **asked})
        stages = stage_times.read(answer.headers[stage_times.ANSWER_HEADER])
        assert [name for name, _ in stages][:3] == ["ValidateParams", "IdentifyApp", "VerifySign"]
        assert stages[-1][0] == last
        assert all(micros > 0 for _, micros in stages)


async def test_nobody_else_does(world: World) -> None:
    """Without the header, with a wrong key, for another body or query, an old one, or rubbish: the plain answer."""
    body = encode_query(world.signed()).encode()
    now = time.time()
    for value in (
        None, stage_times.ask("another key", b"", body, now=now), stage_times.ask(INTERNAL_KEY, b"", body + b"&x=1", now=now),
        stage_times.ask(INTERNAL_KEY, b"x", body, now=now), stage_times.ask(INTERNAL_KEY, b"", body, now=now - 120),
        stage_times.ask(INTERNAL_KEY, b"", body, now=now + 120), INTERNAL_KEY, "1", ".", "9" * 40 + ".x", "-1.x", "\u00b9.x", "",
    ):  # fmt: skip
        headers = {} if value is None else {stage_times.ASKING_HEADER: value.encode("latin-1")}
        answer = await world.http.post(world.url, content=body, headers={"Content-Type": FORM, **headers})
        assert answer.status_code == 200
        assert "open_echo_get_response" in answer.text
        assert stage_times.ANSWER_HEADER not in answer.headers
