"""The fields of an API's form that are no plain inputs: documents as JSON text, lists as lines, breaker rules one by one."""

import json
from collections.abc import Mapping
from typing import Any

from admin_api.apis.service.mappings import DOCUMENTS
from admin_api.apis.service.rules import BreakerDraft
from admin_api.console.catalogues import N_
from admin_api.security.problems import invalid_field

_JSON = ("request_schema", "response_example", "fallback_body")
BREAKER = tuple(BreakerDraft.model_fields)

LABELS = {
    "gateway_api_name": N_("API name"), "service_id": N_("Service"), "inside_api_url": N_("Path inside the service"),
    "http_method": N_("HTTP method"), "state": N_("State"), "description": N_("Description"), "idempotents": N_("Idempotent"),
    "needfee": N_("Charged"), "price_fen": N_("Price per call"), "need_session": N_("Needs a session"),
    "timeout_ms": N_("Timeout"), "timestamp_window_s": N_("Timestamp window"), "request_schema": N_("Schema of the parameters"),
    "response_example": N_("Example of an answer"), "list_items": N_("Names of list items"),
    "sensitive": N_("Sensitive parameters"), "api_version": N_("Version"), "api_group": N_("Group"), "is_open": N_("Open API"),
    "cache_ttl_s": N_("Cache"), "limit_per_second": N_("Calls per second"), "limit_per_minute": N_("Calls per minute"),
    "limit_per_day": N_("Calls per day"), "max_concurrency": N_("Calls at the same time"), "breaker": N_("Breaker"),
    "fallback_body": N_("Fallback answer"), "replay_guard": N_("Replay guard"), "deprecated": N_("Deprecated"),
}  # fmt: skip
"""Field → its name for readers."""


def values_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the form shows of an API's columns, or of the defaults of a new one."""
    values = dict(row)
    for name in DOCUMENTS:
        if isinstance(values.get(name), str):
            values[name] = json.loads(values[name])
    for name in _JSON:
        if values.get(name) is not None:
            values[name] = json.dumps(values[name], ensure_ascii=False, indent=2)
    values["list_items"] = "\n".join(f"{of}={item}" for of, item in (values.get("list_items") or {}).items())
    values["sensitive"] = ", ".join(values.get("sensitive") or [])
    breaker = values.pop("breaker", None)
    values["breaker.own"] = breaker is not None
    for name, about in BreakerDraft.model_fields.items():
        values[f"breaker.{name}"] = (breaker or {}).get(name, about.default)
    return values


def documents_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields out of what was sent. Raises a 422 Problem that names the field and the place."""
    given: dict[str, Any] = {}
    for name in _JSON:
        text = str(sent.get(name, "")).strip()
        try:
            given[name] = json.loads(text) if text else None
        except ValueError as error:
            raise invalid_field(name, f"is no JSON: {error}") from None
    lines = [line.strip() for line in str(sent.get("list_items", "")).splitlines() if line.strip()]
    pairs = [line.partition("=") for line in lines]
    if any(not equals for _, equals, _ in pairs):
        raise invalid_field("list_items", "must have one list=item in each line, such as orders=order")
    given["list_items"] = {of.strip(): item.strip() for of, _, item in pairs}
    given["sensitive"] = [word for word in str(sent.get("sensitive", "")).replace(",", " ").split() if word]
    given["breaker"] = _breaker(sent) if sent.get("breaker.own") else None
    return given


def _breaker(sent: Mapping[str, Any]) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for name, about in BreakerDraft.model_fields.items():
        text = str(sent.get(f"breaker.{name}", "")).strip()
        if not text:
            continue
        try:
            rules[name] = float(text) if about.annotation is float else int(text)
        except ValueError:
            raise invalid_field(f"breaker.{name}", "must be a number") from None
    return rules
