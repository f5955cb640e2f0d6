"""The operator's own filters: each at its position, through the whole gateway; a broken one stops the start."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.own_filters import load_own_filters
from gateway.settings import GatewaySettings
from openplatform.errors import SettingsError
from tests.gateway_world import INTERNAL_KEY, gateway_settings, open_world
from tests.processes import serve

FILTERS = (
    "pre=tests.own_filters:Rules.closed", "routing=tests.own_filters:AnswersItself", "post=tests.own_filters:stamp",
    "error=tests.own_filters:mend",
)  # fmt: skip


@pytest.mark.parametrize("door", ["lane", "asgi"])
async def test_each_stands_at_its_position(door: str) -> None:
    """pre rejects what is known to be right otherwise, routing answers in the service's place, post changes, error mends."""
    async with open_world(door=door, filters=FILTERS) as world:
        assert await world.error(world.signed(closed="1")) == (11, "isv.permission-api-package-limit")
        assert "closed by test-node for merchant 777" in (await world.call(world.signed(closed="1"))).text
        assert (await world.error(world.signed(closed="1", session="unknown")))[0] == 27
        assert not world.seen
        for name in ("itself", "stamp"):
            answer = (await world.call(world.signed(**{name: "1"}))).json()["open_echo_get_response"]
            assert answer["itself" if name == "itself" else "stamped"] is True
        assert [params for _, _, params in world.seen] == [{"stamp": "1"}]
        assert await world.error(world.signed(bug="1")) == (10, "isp.unknown-error")
        mended = await world.call(world.signed(closed="1", mend="1"))
        assert mended.json()["open_echo_get_response"]["mended"] is True
        await world.put_route("open.cached.get", "/echo", idempotent=True, cache_ttl_s=60)
        cached = await world.call(world.signed("open.cached.get", itself="1"))
        assert cached.json()["open_cached_get_response"]["itself"] is True
        plain = await world.call(world.signed(a="1"))
        assert plain.json()["open_echo_get_response"]["echo"] == {"a": "1"}


async def test_every_broken_filter_is_named() -> None:
    """What cannot be imported, found, made, or called: all in one message, with the reason."""
    words = tuple(
        f"pre=tests.{name}" for name in ("none:x", "own_filters:none", "own_filters:broken", "own_filters:nothing",
                                         "own_filters:NOT_A_FACTORY")
    )  # fmt: skip
    async with open_world() as world:
        with pytest.raises(SettingsError) as refused:
            load_own_filters(world.resources, gateway_settings(filters=(*FILTERS, *words)))
    message = str(refused.value)
    assert all(f"{word}: " in message for word in words) and "ValueError: no licence" in message
    assert not any(word in message for word in FILTERS)


@pytest.mark.parametrize(
    "word", ["tests.own_filters:mend", "after=a.b:c", "pre=a.b", "pre=a b:c", "pre=a:b()", "pre=:x"]
)
def test_a_name_that_is_none_is_a_wrong_setting(word: str) -> None:
    """Said with the other mistakes of the settings, before anything is opened."""
    with pytest.raises(SettingsError, match=r"PAILOU_FILTERS: must be position=package\.module:factory"):
        GatewaySettings.from_env({"PAILOU_FILTERS": word})


async def test_a_broken_filter_stops_the_start(
    clean_redis_url: str, rabbitmq_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """Exit status 78 and a line that names it, no trace."""
    environ = {
        "PAILOU_REDIS_URL": clean_redis_url,
        "PAILOU_RABBITMQ_URL": rabbitmq_url,
        "PAILOU_INTERNAL_KEYS": INTERNAL_KEY,
        "PAILOU_MASTER_KEYS": "k1:" + base64.b64encode(b"another master key, 32 bytes !!!").decode(),
        "PAILOU_FILTERS": "pre=tests.own_filters:broken",
    }
    with pytest.raises(AssertionError, match="it ended with 78") as ended:
        async with serve("gateway", free_port(), environ, tmp_path):
            pass
    assert "pre=tests.own_filters:broken: ValueError: no licence" in str(ended.value)
    assert "Traceback" not in str(ended.value)
