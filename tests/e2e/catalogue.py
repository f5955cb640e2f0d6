"""The smallest catalogue that calls can go through: apps that share one secret, and APIs of echo-service."""

from collections.abc import Sequence

import msgspec

from openplatform.records import App, AppKey, ConfigChange, Route
from openplatform.sealing import Seal
from tests.gateway_world import MASTER_KEYS, SECRET


def echo_route(api_name: str = "open.echo.get", **fields: object) -> Route:
    """An open API of echo-service."""
    values: dict[str, object] = {
        "service_id": "echo-service", "inside_api_url": "/echo", "enabled": True, "needs_session": False, "idempotent": True,
        "is_open": True, "timeout_ms": 10_000,
    }  # fmt: skip
    return Route(api_name=api_name, **{**values, **fields})


def echo_catalogue(
    apps: Sequence[tuple[str, int, int | None]], routes: Sequence[Route] = (echo_route(),)
) -> list[ConfigChange]:
    """apps: (app_key, daily limit, minute limit)."""
    seal = Seal(MASTER_KEYS)
    changes = []
    for n, (key, day, minute) in enumerate(apps, start=1):
        app = App(
            id=n, app_key=AppKey(key), app_name=key, customer_id=1, enabled=True, daily_limit=day, minute_limit=minute,
            sealed_secrets=(seal.seal(SECRET, f"app_info|{key}"),),
        )  # fmt: skip
        changes.append(ConfigChange(kind="app", key=key, version=n, body=msgspec.json.encode(app)))
    for n, route in enumerate(routes, start=len(apps) + 1):
        changes.append(ConfigChange(kind="route", key=route.api_name, version=n, body=msgspec.json.encode(route)))
    return changes
