"""The operator's changes on their way into Redis: admin_api's relay writes them here, gateways follow.

A change is applied only if it is newer than what is stored, so that a late or repeated relay does no harm. Sessions lie outside
the catalogue's hash tag and are written first: when the announcement comes, a revoked one must be gone already.
"""

import secrets
from collections.abc import Iterator, Sequence

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import (
    ANNOUNCE_CHANNEL,
    CATALOG_CHANGES,
    CATALOG_EPOCH,
    CATALOG_PREFIX,
    CATALOG_ROWS,
    CATALOG_SESSION_CHANGES,
    CATALOG_VERSION,
    SESSION_PREFIX,
)
from openplatform.records import ConfigChange, ConfigKind

RECORD_KINDS = ("app", "route", "param")
CHUNK = 500
"""Changes per script: a few milliseconds of Redis' time."""
SESSION_CHANGES_KEPT = 100_000
"""A gateway that is further behind than this loads everything anew and forgets all sessions."""
SESSION_GRACE_S = 86_400
"""A session stays readable this long after its end, so that its app hears "expired" and not "unknown"."""

CATALOG_FORMAT = "2-"
"""What an epoch begins with: counted up when records mean something that older ones did not say (2: who may call an API). An
admin_api finds a catalogue of another form incomplete and writes it anew; a gateway waits for that."""

_CATALOG_KEYS = (
    CATALOG_VERSION,
    CATALOG_CHANGES,
    CATALOG_SESSION_CHANGES,
    CATALOG_ROWS,
    *(f"{CATALOG_PREFIX}{kind}" for kind in RECORD_KINDS),
)

# ARGV: channel, sessions kept, is it a replacement, then four per change: kind, key, version, body ("" = removed).
# A replacement also writes what is stored at the same version: the record itself may be lost or damaged.
_APPLY = """
local hashes = {app = KEYS[5], route = KEYS[6], param = KEYS[7]}
local replacing = ARGV[3] == '1'
local applied = 0
for i = 4, #ARGV, 4 do
  local kind, key, version, body = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  if kind == 'session' then
    redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[1]), key)
    applied = applied + 1
  else
    local member = kind .. ':' .. key
    local stored = tonumber(redis.call('HGET', KEYS[4], member) or '-1')
    if version > stored or (replacing and version == stored) then
      redis.call('HSET', KEYS[4], member, ARGV[i + 2])
      if body == '' then
        redis.call('HDEL', hashes[kind], key)
      else
        redis.call('HSET', hashes[kind], key, body)
      end
      redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[1]), member)
      applied = applied + 1
    end
  end
end
local latest = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', latest - ARGV[2])
if applied > 0 and not replacing then
  redis.call('PUBLISH', ARGV[1], latest)
end
return applied
"""

# KEYS: one session. ARGV: version, body ("" = revoked), epoch ms when the key goes (0 = a day from now).
# The version stands before the record, so that a late relay cannot bring a revoked session back.
_SET_SESSION = """
local stored = redis.call('GET', KEYS[1])
if stored and tonumber(string.match(stored, '^%d+') or '0') > tonumber(ARGV[1]) then
  return 0
end
local goes = tonumber(ARGV[3])
if goes == 0 then
  goes = (redis.call('TIME')[1] + 86400) * 1000
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PXAT', string.format('%.0f', goes))
return 1
"""

# KEYS as above. ARGV: kind, the version when the replacement began, then keys that were not named: they go, unless they changed
# after the replacement began.
_PRUNE = """
local hashes = {app = KEYS[5], route = KEYS[6], param = KEYS[7]}
for i = 3, #ARGV do
  local member = ARGV[1] .. ':' .. ARGV[i]
  if tonumber(redis.call('ZSCORE', KEYS[2], member) or '0') <= tonumber(ARGV[2]) then
    redis.call('HDEL', hashes[ARGV[1]], ARGV[i])
    redis.call('HDEL', KEYS[4], member)
    redis.call('ZREM', KEYS[2], member)
  end
end
"""


class RedisCatalogWriter:
    """Plays CatalogWriter over Redis or fakeredis.

    `replace` keeps an entry that is stored at a newer version than the one named (a change that overtook the snapshot); while it
    runs the catalogue counts as incomplete and gateways go on with what they know.
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._apply_script = client.register_script(_APPLY)
        self._session_script = client.register_script(_SET_SESSION)
        self._prune_script = client.register_script(_PRUNE)

    async def publish(self, changes: Sequence[ConfigChange]) -> None:
        await self._apply(changes, replacing=False)

    async def replace(self, changes: Sequence[ConfigChange]) -> None:
        with redis_errors():
            await self._client.delete(CATALOG_EPOCH)
            began_at = int(await self._client.get(CATALOG_VERSION) or 0)
        await self._apply(changes, replacing=True)
        with redis_errors():
            for kind in RECORD_KINDS:
                await self._prune_records(kind, {c.key for c in changes if c.kind == kind}, began_at)
            await self._prune_sessions({c.key for c in changes if c.kind == "session"}, began_at)
            await self._client.set(CATALOG_EPOCH, CATALOG_FORMAT + secrets.token_hex(8))
            await self._client.publish(ANNOUNCE_CHANNEL, "complete")

    async def version(self) -> int:
        with redis_errors():
            return int(await self._client.get(CATALOG_VERSION) or 0)

    async def version_of(self, kind: ConfigKind, key: str) -> int:
        with redis_errors():
            return int(await self._client.zscore(CATALOG_CHANGES, f"{kind}:{key}") or 0)

    async def is_complete(self) -> bool:
        with redis_errors():
            epoch = await self._client.get(CATALOG_EPOCH)
        return isinstance(epoch, bytes) and epoch.startswith(CATALOG_FORMAT.encode())

    async def _apply(self, changes: Sequence[ConfigChange], *, replacing: bool) -> None:
        with redis_errors():
            for chunk in _chunks(changes):
                args: list[str | bytes | int] = [ANNOUNCE_CHANNEL, SESSION_CHANGES_KEPT, int(replacing)]
                for change in chunk:
                    if change.kind != "session":
                        args += [change.kind, change.key, change.version, change.body or b""]
                    elif await self._write_session(change):
                        args += ["session", change.key, change.version, b""]
                await self._apply_script(keys=_CATALOG_KEYS, args=args)

    async def _write_session(self, change: ConfigChange) -> bool:
        goes_ms = 0
        if change.body is not None and change.expire_at_ms is not None:
            goes_ms = change.expire_at_ms + SESSION_GRACE_S * 1000
        args: list[str | bytes | int] = [change.version, change.body or b"", goes_ms]
        return bool(await self._session_script(keys=[f"{SESSION_PREFIX}{change.key}"], args=args))

    async def _prune_records(self, kind: str, named: set[str], began_at: int) -> None:
        stored = [key.decode() async for key, _ in self._client.hscan_iter(f"{CATALOG_PREFIX}{kind}", count=CHUNK)]
        strays = [key for key in stored if key not in named]
        for start in range(0, len(strays), CHUNK):
            args = [kind, began_at, *strays[start : start + CHUNK]]
            await self._prune_script(keys=_CATALOG_KEYS, args=args)

    async def _prune_sessions(self, named: set[str], began_at: int) -> None:
        async for key in self._client.scan_iter(match=f"{SESSION_PREFIX}*", count=CHUNK):
            token_hash = key.decode().removeprefix(SESSION_PREFIX)
            if token_hash not in named:
                changed_at = await self._client.zscore(CATALOG_SESSION_CHANGES, token_hash)
                if changed_at is None or changed_at <= began_at:
                    await self._client.delete(key)


def _chunks(changes: Sequence[ConfigChange]) -> Iterator[Sequence[ConfigChange]]:
    for start in range(0, len(changes), CHUNK):
        yield changes[start : start + CHUNK]
