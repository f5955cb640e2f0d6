"""Which instances run, kept in Redis: every service beats here, the gateway and the service client read it.

Redis' own clock decides who is alive, so that processes whose clocks differ agree.
"""

import logging
import secrets
from collections.abc import Sequence

import msgspec

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import INSTANCES_PREFIX, REPORTS_PREFIX
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Clock
from openplatform.records import Instance, ProcessReport

log = logging.getLogger(__name__)

LIFETIME_S = 15
"""Three missed beats of 5 s: one lost beat is no death."""
STALE_S = 600
"""How long the last known instances serve while Redis cannot be asked. Not for ever: addresses get other owners."""

_BEAT = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[3] then redis.call('ZREM', KEYS[1], ARGV[3]) end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

_LIVING = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class RedisServiceDirectory:
    """Plays ServiceDirectory over Redis or fakeredis.

    While Redis cannot be asked, `instances` answers what it knew at most 10 minutes ago; PlatformUnavailable only when it
    knows nothing. Processes behind one port are one instance each, told apart by the directory object that they beat through.
    """

    def __init__(self, client: RedisClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._beat = client.register_script(_BEAT)
        self._living = client.register_script(_LIVING)
        self._decoder = msgspec.json.Decoder(Instance)
        self._process = secrets.token_hex(4)
        self._reported: dict[str, bytes] = {}
        self._known: dict[str, tuple[float, tuple[Instance, ...]]] = {}

    async def beat(self, instance: Instance) -> None:
        with redis_errors():
            await self._beat(keys=[_key(instance.service_id)], args=[self._member(instance), LIFETIME_S])

    async def leave(self, instance: Instance) -> None:
        with redis_errors():
            await self._client.zrem(_key(instance.service_id), self._member(instance))

    async def instances(self, service_id: str) -> Sequence[Instance]:
        try:
            with redis_errors():
                members = await self._living(keys=[_key(service_id)])
        except PlatformUnavailable:
            learned_at, instances = self._known.get(service_id, (float("-inf"), ()))
            if self._clock.monotonic() - learned_at > STALE_S:
                raise
            return instances
        living = tuple(sorted(self._readable(members), key=lambda instance: instance.address))
        self._known[service_id] = (self._clock.monotonic(), living)
        return living

    async def report(self, service_id: str, report: ProcessReport) -> None:
        member = f"{self._process} ".encode() + msgspec.json.encode(report)
        with redis_errors():
            await self._beat(
                keys=[f"{REPORTS_PREFIX}{service_id}"], args=[member, LIFETIME_S, self._reported.get(service_id, b"")]
            )
        self._reported[service_id] = member

    async def reports(self, service_id: str) -> Sequence[ProcessReport]:
        with redis_errors():
            members = await self._living(keys=[f"{REPORTS_PREFIX}{service_id}"])
        latest: dict[bytes, ProcessReport] = {}
        for member in members:  # in order of their expiry: a process's newest comes last
            process, _, body = member.partition(b" ")
            latest[process] = msgspec.json.decode(body, type=ProcessReport)
        return tuple(sorted(latest.values(), key=lambda report: report.node))

    def _member(self, instance: Instance) -> bytes:
        return f"{self._process} ".encode() + msgspec.json.encode(instance)

    def _readable(self, members: Sequence[bytes]) -> list[Instance]:
        found = []
        for member in members:
            try:
                found.append(self._decoder.decode(member.partition(b" ")[2]))
            except msgspec.DecodeError as error:  # one odd registration must not hide the others
                log.warning("an instance in the directory cannot be read: %s", error)
        return found


def _key(service_id: str) -> str:
    return f"{INSTANCES_PREFIX}{service_id}"
