"""Calls, apps and routes for tests of single filters, and a clock that stands still."""

from gateway.call import Call
from gateway.catalog_entries import AppEntry, RouteEntry
from openplatform.records import App, AppKey, Route
from openplatform.sealing import Seal

SEAL = Seal({"k": b"k" * 32})
SECRET = "helloworld"
NOW = 1_451_620_800.0  # 2016-01-01 12:00:00 +08:00, as in the signature vectors


class StoppedClock:
    """It is always the same moment."""

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 100.0


def app_entry(**fields: object) -> AppEntry:
    values: dict[str, object] = {
        "id": 1, "app_key": AppKey("1023"), "app_name": "a", "customer_id": 1, "enabled": True, "daily_limit": 100,
        "sealed_secrets": (SEAL.seal(SECRET, "app_info|1023"),),
    }  # fmt: skip
    return AppEntry(App(**{**values, **fields}), SEAL)


def route_entry(**fields: object) -> RouteEntry:
    values: dict[str, object] = {
        "api_name": "open.a.get", "service_id": "a-service", "inside_api_url": "/a/{id}", "enabled": True, "timeout_ms": 500,
    }  # fmt: skip
    return RouteEntry(Route(**{**values, **fields}), "taobao.")


def a_call(params: dict[str, str] | None = None, **fields: object) -> Call:
    """A call as it stands after the stages that write the given fields."""
    call = Call(
        request_id="id1", http_method="POST", query=b"", content_type="application/x-www-form-urlencoded", body=b"",
        remote_ip="127.0.0.1", received_at=NOW, started=99.9,
    )  # fmt: skip
    call.params = params or {}
    for name, value in fields.items():
        setattr(call, name, value)
    return call
