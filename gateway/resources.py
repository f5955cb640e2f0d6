"""What the filters share: made once per process by gateway/app.py."""

import asyncio
import logging
from dataclasses import dataclass

from gateway.answer_cache import AnswerCache
from gateway.catalog import Catalog
from gateway.charges import Charges
from gateway.clock_skew import ClockSkew
from gateway.guards import Guards
from gateway.metrics import GatewayMetrics
from gateway.sessions import Sessions
from gateway.spool import LogSpool
from gateway.tracing import Traces
from gateway.turn_end import TurnEnd
from gateway.upstream import Upstreams
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Balances, CallLogPublisher, Clock, QuotaCounter, ServiceDirectory, UsedSignatures

log = logging.getLogger(__name__)

PEERS_EVERY_S = 2.0


class Peers:
    """How many gateway processes live, by their heartbeats; the last known number while Redis is down."""

    def __init__(self, directory: ServiceDirectory) -> None:
        self._directory = directory
        self._number = 1

    def count(self) -> int:
        return self._number

    async def follow(self) -> None:
        """Keeps the number true until cancelled."""
        while True:
            try:
                self._number = max(1, len(await self._directory.instances("gateway")))
            except PlatformUnavailable:
                log.debug("keeping %d gateway processes: the directory does not answer", self._number)
            await asyncio.sleep(PEERS_EVERY_S)


@dataclass(frozen=True, slots=True)
class Resources:
    """serv_ip: this process's address in call logs; local_quota: what limits fall back on while `quota` cannot answer; turn_end: how
    answers leave; traces: None = no call can have one."""

    catalog: Catalog
    sessions: Sessions
    quota: QuotaCounter
    answers: AnswerCache
    balances: Balances
    signatures: UsedSignatures
    local_quota: QuotaCounter
    peers: Peers
    upstreams: Upstreams
    logs: LogSpool
    log_publisher: CallLogPublisher
    guards: Guards
    charges: Charges
    metrics: GatewayMetrics
    clock: Clock
    clock_skew: ClockSkew
    turn_end: TurnEnd
    traces: Traces | None
    serv_ip: str
