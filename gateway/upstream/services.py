"""Which services there are for the gateway: fixed addresses from the settings, everything else as the directory tells."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from gateway.upstream.answer import UpstreamBounds
from gateway.upstream.balancer import Balancer
from gateway.upstream.dialling import DialRules, is_numeric
from openplatform.errors import PlatformUnavailable, SettingsError
from openplatform.ports import ServiceDirectory
from openplatform.records import Instance

log = logging.getLogger(__name__)

REFRESH_S = 1.0
"""An instance that stops properly leaves the directory first; in this time every gateway process has seen it."""


class Services:
    """service_id → balancer. A service is asked for in the directory from its first call on; while the directory cannot
    answer, its last known instances stay."""

    def __init__(
        self,
        directory: ServiceDirectory,
        pinned: Mapping[str, Sequence[str]],
        bounds: UpstreamBounds,
        rules: DialRules | None = None,
    ) -> None:
        self._directory = directory
        self._bounds = bounds
        self._rules = rules or DialRules()
        self._pinned = {service_id: _parsed(service_id, addresses) for service_id, addresses in pinned.items()}
        for instance in (instance for instances in self._pinned.values() for instance in instances):
            if is_numeric(instance.host) and not self._rules.permit(instance.service_id, instance.host, instance.port):
                raise SettingsError(
                    f"the address {instance.address} of {instance.service_id} is outside PAILOU_SERVICE_NETWORKS, "
                    "a store's, or one that is never dialled"
                )
        self._balancers: dict[str, Balancer] = {}
        self.known = self._balancers.get
        """The service's balancer, None before its first call."""
        self._lookups: dict[str, asyncio.Task[Balancer]] = {}
        self._directory_is_down = False

    async def find(self, service_id: str) -> Balancer:
        """The balancer, asking the directory once for a new service. Raises PlatformUnavailable when it cannot answer."""
        if (balancer := self._balancers.get(service_id)) is not None:
            return balancer
        if service_id in self._pinned:
            self._balancers[service_id] = balancer = self._new(service_id)
            balancer.update(self._pinned[service_id], now_ms=time.time() * 1000)
            return balancer
        lookup = self._lookups.get(service_id)
        if lookup is None:
            self._lookups[service_id] = lookup = asyncio.create_task(self._look_up(service_id))
            lookup.add_done_callback(lambda done: self._looked_up(service_id, done))
        return await asyncio.shield(lookup)  # a caller that leaves does not take the answer from those who wait with it

    async def refresh(self) -> None:
        """Asks the directory once for every known service."""
        for service_id, balancer in list(self._balancers.items()):
            if service_id not in self._pinned:
                instances = await self._directory.instances(service_id)
                balancer.update(instances, now_ms=time.time() * 1000)

    async def refresh_forever(self) -> None:
        """`refresh` every second until cancelled; a directory that is down is logged once per outage."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except PlatformUnavailable as error:
                if not self._directory_is_down:
                    log.warning("the service directory is down, keeping the last known instances: %s", error.sub_msg)
                self._directory_is_down = True
            else:
                if self._directory_is_down:
                    log.warning("the service directory answers again")
                self._directory_is_down = False

    def balancers(self) -> Sequence[Balancer]:
        return list(self._balancers.values())

    def close(self) -> None:
        for lookup in self._lookups.values():
            lookup.cancel()
        for balancer in self._balancers.values():
            balancer.close()

    async def _look_up(self, service_id: str) -> Balancer:
        balancer = self._new(service_id)
        balancer.update(await self._directory.instances(service_id), now_ms=time.time() * 1000)
        self._balancers[service_id] = balancer
        return balancer

    def _looked_up(self, service_id: str, lookup: asyncio.Task[Balancer]) -> None:
        del self._lookups[service_id]
        if not lookup.cancelled():
            lookup.exception()  # whoever waited has it; without a waiter asyncio would report it as lost

    def _new(self, service_id: str) -> Balancer:
        return Balancer(service_id, self._bounds, asyncio.get_running_loop(), self._rules)


def _parsed(service_id: str, addresses: Sequence[str]) -> list[Instance]:
    instances = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingsError(f"the address {address!r} of {service_id} must read host:port")
        instances.append(Instance(service_id=service_id, host=host.strip("[]"), port=int(port)))
    return instances
