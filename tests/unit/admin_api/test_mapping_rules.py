"""What an API mapping may say: paths that stay inside their service, names, numbers, documents."""

from typing import Any

import pytest
from pydantic import ValidationError

from admin_api.apis.service.mappings import MappingDraft, MappingEdit
from admin_api.apis.service.rules import inside_path

GOOD: dict[str, Any] = {"gateway_api_name": "open.x.get", "service_id": "order-service", "inside_api_url": "/x"}


@pytest.mark.parametrize("path", [
    "", "orders", "//evil.example/x", "http://evil.example/", "/a//b", "/../etc/passwd", "/a/../b", "/a/./b", "/a b", "/a\r\nX: y",
    "/a\tb", "/a?b=c", "/a#b", "/a\\b", "/a%2e%2e/b", "/{", "/{}", "/{a-b}", "/{1a}", "/{a}/{a}", "/{a{b}}", "/订单", "/a\x00",
    "/\u202e", "\uff0fetc", "/{a/b}", "/a<b", '/"', "/..", "/.", "/.{a}", "/{a}.", "/x}", "/http://evil.example",
])  # fmt: skip
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    """No host, no scheme, no way up, no second line, no brace without its partner."""
    with pytest.raises(ValueError, match=r"must|holds|placeholders"):
        inside_path(path)


@pytest.mark.parametrize("path", [
    "/", "/orders", "/orders/{order_id}", "/orders/{order_id}/cancel", "/a/{b}-{c}/d", "/a.b/c~d/e;f=1", "/v1.0/x@y:z", "/..a", "/{_a1}",
])  # fmt: skip
def test_a_plain_path_is_taken_as_it_is(path: str) -> None:
    """Placeholders may be whole folders or parts of them."""
    assert inside_path(path) == path


@pytest.mark.parametrize("fields", [
    {"gateway_api_name": "order"}, {"gateway_api_name": "open..get"}, {"gateway_api_name": "open.order.get "},
    {"gateway_api_name": "open.{x}.get"}, {"gateway_api_name": "открыть.заказ"}, {"gateway_api_name": "o." + "a" * 99},
    {"inside_api_url": "/" + "a" * 100}, {"service_id": "Order"}, {"service_id": "127.0.0.1:22"}, {"service_id": ""},
    {"http_method": "get"}, {"http_method": "CONNECT"},
    {"timeout_ms": 0}, {"timeout_ms": 60_001}, {"timeout_ms": "3000"}, {"timeout_ms": 1.5}, {"price_fen": -1},
    {"needfee": True}, {"needfee": 1}, {"idempotents": "yes"}, {"state": 2}, {"state": True},
    {"request_schema": {"type": "array"}}, {"request_schema": []}, {"request_schema": "{}"},
    {"request_schema": {"properties": []}}, {"request_schema": {"$ref": "http://x.example/"}},
    {"request_schema": {"properties": {"a": {"pattern": "("}}}}, {"response_example": {"x": "y" * 70_000}}, {"list_items": {"a b": "c"}},
    {"sensitive": ["cons phone"]}, {"sensitive": ["x"] * 51}, {"version": 3}, {"id": 1}, {"is_open": 1}, {"breaker": {"open_s": 0}},
    {"description": "x" * 501},
])  # fmt: skip
def test_a_mapping_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    """Every field has its rule; nothing unknown is assigned."""
    MappingDraft.model_validate(GOOD)
    with pytest.raises(ValidationError):
        MappingDraft.model_validate(GOOD | fields)


@pytest.mark.parametrize("fields", [
    {}, {"version": 0}, {"version": "1"}, {"version": 1, "gateway_api_name": "open.y.get"}, {"version": 1, "id": 2},
    {"version": 1, "state": None}, {"version": 1, "service_id": None}, {"version": 1, "http_method": None},
])  # fmt: skip
def test_an_edit_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    """It names its version; the API's name stays; what was sent as null must be allowed to be null."""
    with pytest.raises(ValidationError):
        MappingEdit.model_validate(fields)


def test_an_edit_changes_what_was_sent_and_nothing_else() -> None:
    """A field that was not sent is not there; one that may be empty can be emptied."""
    edit = MappingEdit.model_validate({"version": 1, "request_schema": None, "state": 0})
    assert edit.changes() == {"request_schema": None, "state": 0}
