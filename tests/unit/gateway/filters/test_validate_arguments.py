"""Stage 6: schemas of routes, compiled once, and what happens to a schema that is none."""

import orjson
import pytest

from gateway.catalog_entries import RouteEntry
from gateway.filters.validate_arguments import ValidateArguments
from openplatform.errors import OpenPlatformError
from openplatform.records import SystemParam
from tests.unit.gateway.filters.calls import a_call, route_entry
from tests.unit.gateway.filters.catalogs import a_catalog

CLOSED = {
    "type": "object",
    "properties": {"id": {"type": "integer"}},
    "required": ["id"],
    "additionalProperties": False,
}


def with_schema(schema: object) -> RouteEntry:
    return route_entry(request_schema=schema if isinstance(schema, str) else orjson.dumps(schema).decode())


async def test_a_route_without_a_schema_takes_anything() -> None:
    """Nothing is compiled, nothing judged."""
    ValidateArguments(await a_catalog())(a_call({"anything": "x" * 1000}, route=route_entry()))


async def test_parameters_are_judged_and_stay_as_they_were_sent() -> None:
    """The number is a number to the schema only; system parameters, the operator's own included, are no part of it."""
    filter_ = ValidateArguments(await a_catalog(required=("partner",)))
    params = {"id": "007", "method": "open.a.get", "sign": "S", "session": "s", "partner": "p"}
    call = a_call(dict(params), route=with_schema(CLOSED))
    filter_(call)
    assert call.params == params
    with pytest.raises(OpenPlatformError) as caught:
        filter_(a_call(params | {"id": "x"}, route=with_schema(CLOSED)))
    assert (caught.value.code, caught.value.sub_code) == (41, "isv.invalid-parameter:id")


async def test_what_a_call_left_out_gets_its_default() -> None:
    """Absent and empty alike; what was sent stays, and a closed schema does not know the parameter."""
    lang = SystemParam(name="lang", required=True, default_value="zh")
    filter_ = ValidateArguments(await a_catalog(params=(lang,)))
    for sent, given in (({}, "zh"), ({"lang": ""}, "zh"), ({"lang": "en"}, "en")):
        for route in (with_schema(CLOSED), route_entry()):
            call = a_call({"id": "1", **sent}, route=route)
            filter_(call)
            assert call.params == {"id": "1", "lang": given}


@pytest.mark.parametrize("schema", ["{", "[]", {"type": "objekt"}, {"$ref": "http://127.0.0.1:1/x"}])
async def test_a_schema_that_cannot_be_used_is_a_fault_of_ours(
    schema: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Error 10 of that API alone, said once in the process log."""
    filter_, route = ValidateArguments(await a_catalog()), with_schema(schema)
    for _ in range(2):
        with pytest.raises(OpenPlatformError) as caught:
            filter_(a_call({"id": "1"}, route=route))
        assert (caught.value.code, caught.value.retryable) == (10, True)
    assert len([r for r in caplog.records if "request_schema" in r.message]) == 1
