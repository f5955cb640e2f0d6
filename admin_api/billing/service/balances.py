"""Balances on their way from the ledger to Redis, where calls reserve their prices."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from admin_api.billing.repository.charges import Account, accounts_after, accounts_of
from openplatform.errors import PlatformUnavailable
from openplatform.ports import Balances
from openplatform.sql import Database

_CHUNK = 500
_AT_ONCE = 16
"""Redis answers that many scripts in about a millisecond; more only queue up in the client."""
PUSH_WAIT_S = 1.0
"""An operator's answer waits no longer for Redis; the upkeep brings what was missed."""


class BalancesInRedis:
    """Says what SQL says. Any number of processes may: what is older than what Redis knows changes nothing."""

    def __init__(self, database: Database, balances: Balances) -> None:
        self._database = database
        self._balances = balances
        self._told: dict[int, int] = {}  # customer -> seq that Redis has surely seen

    async def booked(self, accounts: Sequence[Account], request_ids: Mapping[int, Sequence[str]]) -> None:
        """These calls are in the ledger: their reservations go, and the money is what the ledger says."""
        await self._each([(account, request_ids.get(account.customer_id, ())) for account in accounts])

    async def moved(self, customer_ids: Sequence[int]) -> None:
        """These balances may have moved in SQL: Redis is told unless it knows."""
        for start in range(0, len(customer_ids), _CHUNK):
            async with self._database.read() as connection:
                accounts = await accounts_of(connection, customer_ids[start : start + _CHUNK])
            news = [account for account in accounts if self._told.get(account.customer_id, -1) < account.seq]
            await self._each([(account, ()) for account in news])

    async def moved_by_operator(self, customer_id: int) -> None:
        """The same for one, after an operator's change; gives up after a second."""
        with suppress(PlatformUnavailable, TimeoutError):
            async with asyncio.timeout(PUSH_WAIT_S):
                await self.moved([customer_id])

    async def tell_all(self) -> bool:
        """Every balance compared: what moved while no admin_api ran, was lost on the way, or came back older. Returns whether
        Redis does not know some of them."""
        self._told.clear()
        last, lacks = 0, False
        while accounts := await self._next(last):
            last = accounts[-1].customer_id
            states = await self._balances.states([account.customer_id for account in accounts])
            lacks = lacks or None in states
            news = [a for a, s in zip(accounts, states, strict=True) if s is not None and s.seq < a.seq]
            await self._each([(account, ()) for account in news])
        return lacks

    async def lacks(self, customer_ids: Sequence[int]) -> bool:
        """Whether it does not know one of these."""
        return None in await self._balances.spendable(customer_ids)

    async def make_known(self) -> None:
        """Makes known what Redis does not know. Only while no charge is on its way: it could be spent a second time."""
        last = 0
        while accounts := await self._next(last):
            last = accounts[-1].customer_id
            spendable = await self._balances.spendable([account.customer_id for account in accounts])
            missing = [a for a, known in zip(accounts, spendable, strict=True) if known is None]
            for start in range(0, len(missing), _AT_ONCE):
                puts = (
                    self._balances.put(a.customer_id, money_fen=a.money_fen, seq=a.seq)
                    for a in missing[start : start + _AT_ONCE]
                )
                await asyncio.gather(*puts)

    async def _next(self, last: int) -> list[Account]:
        async with self._database.read() as connection:
            return await accounts_after(connection, last, _CHUNK)

    async def _each(self, moves: Sequence[tuple[Account, Sequence[str]]]) -> None:
        for start in range(0, len(moves), _AT_ONCE):
            chunk = moves[start : start + _AT_ONCE]
            known = await asyncio.gather(
                *(
                    self._balances.book(a.customer_id, money_fen=a.money_fen, seq=a.seq, request_ids=request_ids)
                    for a, request_ids in chunk
                )
            )
            for (account, _), is_known in zip(chunk, known, strict=True):
                if is_known:
                    self._told[account.customer_id] = account.seq
                else:
                    self._told.pop(account.customer_id, None)
