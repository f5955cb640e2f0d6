"""Indexing begins when the store can be prepared, whatever stood in the way before."""

import asyncio

from openplatform.records import StoreInUse
from tests.unit.log_indexer.parts import ScriptedStore, call_log
from tests.unit.log_indexer.test_consumer import Indexing


async def test_a_fault_before_the_first_batch_is_tried_again() -> None:
    """An error that nobody expected while the store is prepared does not leave a process that never indexes."""

    class Odd(ScriptedStore):
        async def prepare(self) -> StoreInUse:
            found = await super().prepare()
            if self.prepared == 1:
                raise FileNotFoundError("a template is missing")
            return found

    it = Indexing(Odd())
    running = asyncio.create_task(it.work.run())
    async with asyncio.timeout(30):
        delivery = it.queue.put(call_log("r1"))
        await delivery.settled.wait()
        await it.work.stop()
        await running
    assert (it.store.prepared, delivery.events) == (2, ["ack"])
