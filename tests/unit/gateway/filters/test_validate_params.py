"""Stage 1: what a call must carry before anything else looks at it."""

import pytest

from gateway.call import Call
from gateway.catalog import Catalog
from gateway.filters.validate_params import ValidateParams
from openplatform.errors import OpenPlatformError
from openplatform.protocol import encode_query
from openplatform.records import SystemParam
from tests.unit.gateway.filters.calls import NOW, SEAL, StoppedClock, a_call, route_entry
from tests.unit.gateway.filters.catalogs import OneUpdate, a_catalog

GOOD = {
    "method": "open.a.get", "app_key": "1023", "timestamp": str(int(NOW * 1000)), "v": "2.0", "format": "json",
    "sign": "00",
}  # fmt: skip


async def ended_by(call: Call, catalog: Catalog | None = None) -> OpenPlatformError:
    """The error that ends the call in this stage."""
    catalog = catalog or await a_catalog(route_entry(), route_entry(api_name="open.off", enabled=False))
    with pytest.raises(OpenPlatformError) as caught:
        ValidateParams(catalog, StoppedClock(), window_s=600, max_params=20)(call)
    return caught.value


def sent(**changes: str | None) -> Call:
    """A form with all system parameters, some of them changed, or left out (None)."""
    params = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return a_call(body=encode_query(params).encode())


async def test_a_good_call_gets_its_parameters_and_its_route() -> None:
    """Format, simplify and route are known afterwards; any order of query and body will do."""
    call = sent(simplify="1", order_id="8")
    call.params, call.route = {}, None
    ValidateParams(await a_catalog(route_entry()), StoppedClock(), window_s=600, max_params=20)(call)
    assert call.params["order_id"] == "8"
    assert call.route is not None and call.route.route.api_name == "open.a.get"
    assert call.as_json and call.simplify


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": None}, 21), ({"method": ""}, 21), ({"method": "open.none"}, 22), ({"method": "open.off"}, 22),
        ({"format": "yaml"}, 23), ({"sign": None}, 24), ({"app_key": ""}, 28), ({"timestamp": None}, 30),
        ({"timestamp": "yesterday"}, 31), ({"timestamp": str(int(NOW * 1000) - 600_001)}, 31),
        ({"timestamp": str(int(NOW * 1000) + 600_001)}, 31), ({"v": None}, 32), ({"v": "1.0"}, 33),
    ],
)  # fmt: skip
async def test_each_missing_or_wrong_parameter_has_its_code(changes: dict[str, str | None], code: int) -> None:
    """One wrong thing, one code of the table."""
    assert (await ended_by(sent(**changes))).code == code


@pytest.mark.parametrize("off_ms", [-600_000, 600_000])
async def test_the_window_includes_its_ends(off_ms: int) -> None:
    """Exactly ten minutes away, either way, still passes."""
    call = sent(timestamp=str(int(NOW * 1000) + off_ms))
    ValidateParams(await a_catalog(route_entry()), StoppedClock(), window_s=600, max_params=20)(call)


async def test_an_api_may_have_a_window_of_its_own() -> None:
    """It wins over the platform's, and the error says it."""
    catalog = await a_catalog(route_entry(timestamp_window_s=5))
    error = await ended_by(sent(timestamp=str(int(NOW * 1000) - 5_001)), catalog)
    assert error.code == 31 and "5 seconds" in error.sub_msg


async def test_what_operators_require_is_required() -> None:
    """A system parameter beyond the protocol's own, absent or empty, is error 40 with its name."""
    catalog = await a_catalog(route_entry(), required=("partner_no",))
    for changes in ({}, {"partner_no": ""}):
        assert (await ended_by(sent(**changes), catalog)).sub_code == "isv.missing-parameter:partner_no"


async def test_what_is_there_is_of_its_type_and_what_has_a_default_may_be_absent() -> None:
    """Error 41 names the parameter and says what it must be; one that is switched off is not looked at."""
    catalog = await a_catalog(
        route_entry(),
        params=(
            SystemParam(name="shop_no", required=True, value_type="integer"),
            SystemParam(name="lang", required=True, value_type="choice", choices=("zh", "en"), default_value="zh"),
            SystemParam(name="off", required=False, value_type="integer"),
        ),
    )
    assert (await ended_by(sent(lang="en"), catalog)).sub_code == "isv.missing-parameter:shop_no"
    for changes, said in (
        ({"shop_no": "7a"}, "the parameter shop_no must be a whole number"),
        ({"shop_no": "7", "lang": "de"}, "the parameter lang must be zh or en"),
    ):
        error = await ended_by(sent(**changes), catalog)
        assert (error.code, error.sub_code) == (41, f"isv.invalid-parameter:{said.split()[2]}")
        assert error.sub_msg == said
    for fine in ({"shop_no": "7"}, {"shop_no": "-7", "lang": "en", "off": "x"}, {"shop_no": "7", "lang": ""}):
        ValidateParams(catalog, StoppedClock(), window_s=600, max_params=20)(sent(**fine))


async def test_without_a_catalogue_nobody_is_blamed() -> None:
    """A process that has not loaded any yet answers 10, not 22."""
    assert (await ended_by(sent(), Catalog(OneUpdate(), SEAL))).code == 10


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (a_call(http_method="PUT"), 9),
        (a_call(too_large=True), 3),
        (a_call(query=b"method=a&method=b"), 41),
        (a_call(query=b"&".join(b"p%d=1" % n for n in range(21))), 41),
        (a_call(query=b"name=%ff"), 47),
    ],
)
async def test_what_cannot_be_read_is_refused_before_its_names_are_looked_at(call: Call, code: int) -> None:
    """Method, size, doubles, counts, encoding."""
    assert (await ended_by(call)).code == code


async def test_an_error_is_answered_in_the_format_that_was_meant() -> None:
    """Even when the parameters could not be read, `format=json` in the raw bytes decides."""
    call = a_call(query=b"format=json&name=%ff")
    await ended_by(call)
    assert call.as_json
    call = a_call(query=b"name=%ff")
    await ended_by(call)
    assert not call.as_json
