"""The six services as the command line knows them, and `pailou serve`."""

import asyncio
import importlib
from dataclasses import dataclass
from typing import Any

from openplatform.env import Env
from openplatform.errors import SettingsError
from pailou.serving import DrainingServer, ServiceConfig, bind
from pailou.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Service:
    """package: where app.py and settings.py are; settings: the settings' class; port_variable: what chooses its port."""

    package: str
    settings: str
    port_variable: str


SERVICES = {
    "gateway": Service("gateway", "GatewaySettings", "PAILOU_GATEWAY_PORT"),
    "admin": Service("admin_api", "AdminSettings", "PAILOU_ADMIN_PORT"),
    "indexer": Service("log_indexer", "IndexerSettings", "PAILOU_INDEXER_PORT"),
    "monitor": Service("monitor", "MonitorSettings", "PAILOU_MONITOR_PORT"),
    "orders": Service("order_service", "OrderSettings", "PAILOU_ORDERS_PORT"),
    "warehouse": Service("warehouse_service", "WarehouseSettings", "PAILOU_WAREHOUSE_PORT"),
}

DRAIN_S = 5.0
"""Longer than load balancers and our own clients take to see that an instance has left."""


def settings_of(service: Service) -> Any:
    """The service's settings from the environment; all have host and port. Raises SettingsError."""
    return getattr(importlib.import_module(f"{service.package}.settings"), service.settings).from_env()


def gateway_protocol() -> type[asyncio.Protocol]:
    """The gateway's own HTTP protocol class, with the bounds that face the outside, made from the environment."""
    made = importlib.import_module("gateway.app").http_protocol(settings_of(SERVICES["gateway"]))
    protocol: type[asyncio.Protocol] = made
    return protocol


def serve(name: str, workers: int) -> int:
    """Runs a service until it is told to stop; returns the exit status. Raises SettingsError before anything is started."""
    service = SERVICES[name]
    settings = settings_of(service)  # a mistake is reported here, once, and not by every worker
    env = Env(service="pailou serve")
    drain_s = env.number("DRAIN_S", DRAIN_S, high=300)
    env.finish()
    config = ServiceConfig(
        f"{service.package}.app:from_env",
        factory=True,
        service=name,
        drain_s=drain_s,
        make_protocol=gateway_protocol if name == "gateway" else None,
        backlog=2048,
    )
    bound = bind(settings.host, settings.port, option=f"set {service.port_variable}")
    if workers > 1:
        return Supervisor(config, [bound], workers).run()
    server = DrainingServer(config)
    try:
        server.run(sockets=[bound])
    except SystemExit:  # uvicorn's word for an application that did not start; the log says why
        failure = getattr(config.loaded_app, "failure", None)
        if isinstance(failure, SettingsError):
            raise failure from None
        return 1
    return 0
