"""Balances over Redis: what becomes of a price after the admission script has set it aside.

Each step is one script over the keys of one customer, so that a step is done wholly or not at all, and may be repeated. The
admission script (quota_redis_script.py) writes the same keys.
"""

from collections.abc import Sequence
from typing import Any

from openplatform.adapters.redis_client import RedisClient, redis_errors
from openplatform.adapters.redis_keys import BALANCE_PREFIX, PENDING_EXPIRY, PENDING_PREFIX
from openplatform.records import BalanceState

# KEYS of all: balance, pending, expiry. A reservation is `price expiry`, its member in the expiry zset `customer request`.
# ARGV: customer, then request ids.
_SETTLE = """
local settled = 0
for i = 2, #ARGV do
  local price = string.match(redis.call('HGET', KEYS[2], ARGV[i]) or '', '^%d+')
  if price then
    redis.call('HSET', KEYS[2], ARGV[i], price .. ' 0')
    redis.call('ZREM', KEYS[3], ARGV[1] .. ' ' .. ARGV[i])
    settled = settled + 1
  end
end
return settled
"""

_FORGET = """
local function forget(request_id, member)
  local price = string.match(redis.call('HGET', KEYS[2], request_id) or '', '^%d+')
  redis.call('ZREM', KEYS[3], member)
  if not price then return 0 end
  redis.call('HDEL', KEYS[2], request_id)
  if price ~= '0' and redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'pending', '-' .. price) end
  return 1
end
"""
# A settled price is not given back: the call was answered, and its charge is on the way.
_RELEASE = (
    _FORGET
    + """
local released = 0
for i = 2, #ARGV do
  if not string.match(redis.call('HGET', KEYS[2], ARGV[i]) or '', ' 0$') then
    released = released + forget(ARGV[i], ARGV[1] .. ' ' .. ARGV[i])
  end
end
return released
"""
)

# ARGV: money, seq, may the balance be made, customer, then request ids.
_BOOK = (
    _FORGET
    + """
local known = redis.call('EXISTS', KEYS[1]) == 1
if known or ARGV[3] == '1' then
  local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '-1')
  if tonumber(ARGV[2]) > seq then redis.call('HSET', KEYS[1], 'money', ARGV[1], 'seq', ARGV[2]) end
end
if not known and ARGV[3] == '1' then
  local pending = 0
  for _, row in ipairs(redis.call('HVALS', KEYS[2])) do pending = pending + tonumber(string.match(row, '^%d+')) end
  redis.call('HSET', KEYS[1], 'pending', string.format('%.0f', pending))
end
for i = 5, #ARGV do forget(ARGV[i], ARGV[4] .. ' ' .. ARGV[i]) end
return known and 1 or 0
"""
)

# ARGV: now, customer, then request ids: only what is still reserved and due goes.
_EXPIRE = (
    _FORGET
    + """
local gone = {}
for i = 3, #ARGV do
  local expiry = tonumber(string.match(redis.call('HGET', KEYS[2], ARGV[i]) or '', ' (%d+)$') or '1')
  local member = ARGV[2] .. ' ' .. ARGV[i]
  if expiry == 0 then
    redis.call('ZREM', KEYS[3], member)
  elseif expiry <= tonumber(ARGV[1]) and forget(ARGV[i], member) == 1 then
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
"""
)


_LOOK = """
local row = redis.call('HMGET', KEYS[1], 'money', 'seq', 'pending')
if not row[1] then return {} end
return {row[1], row[2] or '0', row[3] or '0', redis.call('HGETALL', KEYS[2])}
"""


class RedisBalances:
    """Plays Balances over Redis or fakeredis."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._settle_script = client.register_script(_SETTLE)
        self._release_script = client.register_script(_RELEASE)
        self._book_script = client.register_script(_BOOK)
        self._expire_script = client.register_script(_EXPIRE)
        self._look_script = client.register_script(_LOOK)

    async def settle(self, customer_id: int, request_ids: Sequence[str]) -> int:
        with redis_errors():
            return int(await self._settle_script(keys=_keys(customer_id), args=[customer_id, *request_ids]))

    async def release(self, customer_id: int, request_ids: Sequence[str]) -> int:
        with redis_errors():
            return int(await self._release_script(keys=_keys(customer_id), args=[customer_id, *request_ids]))

    async def book(self, customer_id: int, *, money_fen: int, seq: int, request_ids: Sequence[str] = ()) -> bool:
        return await self._book(customer_id, money_fen, seq, request_ids, makes=False)

    async def put(self, customer_id: int, *, money_fen: int, seq: int) -> None:
        await self._book(customer_id, money_fen, seq, (), makes=True)

    async def expire(self, limit: int = 1000) -> Sequence[tuple[int, str]]:
        with redis_errors():
            now, _ = await self._client.time()
            members: Any = await self._client.zrange(
                PENDING_EXPIRY, "-inf", str(now), byscore=True, offset=0, num=limit
            )
            due: dict[int, list[str]] = {}
            for member in members:
                customer_id, _, request_id = member.decode().partition(" ")
                due.setdefault(int(customer_id), []).append(request_id)
            gone: list[tuple[int, str]] = []
            for customer_id, request_ids in due.items():
                rows = await self._expire_script(keys=_keys(customer_id), args=[now, customer_id, *request_ids])
                gone += [(customer_id, row.decode()) for row in rows]
        return gone

    async def spendable(self, customer_ids: Sequence[int]) -> Sequence[int | None]:
        if not customer_ids:
            return []
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                for customer_id in customer_ids:
                    pipe.hmget(f"{BALANCE_PREFIX}{customer_id}", "money", "pending")
                rows = await pipe.execute()
        return [None if money is None else int(money) - int(pending or 0) for money, pending in rows]

    async def states(self, customer_ids: Sequence[int]) -> Sequence[BalanceState | None]:
        if not customer_ids:
            return []
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                for customer_id in customer_ids:
                    await self._look_script(keys=_keys(customer_id)[:2], client=pipe)
                rows = await pipe.execute()
        return [_state(customer_id, row) if row else None for customer_id, row in zip(customer_ids, rows, strict=True)]

    async def _book(
        self, customer_id: int, money_fen: int, seq: int, request_ids: Sequence[str], *, makes: bool
    ) -> bool:
        with redis_errors():
            args: list[str | int] = [money_fen, seq, int(makes), customer_id, *request_ids]
            return bool(await self._book_script(keys=_keys(customer_id), args=args))


def _state(customer_id: int, row: list[Any]) -> BalanceState:
    money, seq, pending, flat = row
    prices: dict[str, tuple[int, int]] = {}
    for request_id, reserved in zip(flat[::2], flat[1::2], strict=True):
        price, _, expiry = reserved.partition(b" ")
        prices[request_id.decode()] = (int(price), int(expiry))
    return BalanceState(
        customer_id=customer_id,
        money_fen=int(money),
        seq=int(seq),
        pending_fen=int(pending),
        reserved_fen=sum(price for price, _ in prices.values()),
        settled=tuple((request_id, price) for request_id, (price, expiry) in prices.items() if expiry == 0),
    )


def _keys(customer_id: int) -> list[str]:
    return [f"{BALANCE_PREFIX}{customer_id}", f"{PENDING_PREFIX}{customer_id}", PENDING_EXPIRY]
