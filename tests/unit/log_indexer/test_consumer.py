"""The consumer acknowledges what is stored and nothing else, repeats what must be repeated, and comes to rest when told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from log_indexer.backoff import Backoff
from log_indexer.consumer import BULKS_AT_ONCE, MAX_BULK_BATCHES, LogIndexing
from log_indexer.metrics import IndexerMetrics
from log_indexer.progress import Progress
from log_indexer.settings import HOLD_S
from openplatform.errors import PLATFORM_UNAVAILABLE
from openplatform.records import CallLog, IndexVerdict
from tests.unit.log_indexer.parts import CREATED, Delivered, HandClock, ScriptedQueue, ScriptedStore, call_log

RETRY = IndexVerdict(outcome="retry", reason="429")
DUPLICATE = IndexVerdict(outcome="duplicate")
REFUSED = IndexVerdict(outcome="refused", reason="does not fit")


class Indexing:
    """A running consumer over stand-ins."""

    def __init__(self, store: ScriptedStore, *, drains: bool = False) -> None:
        self.queue, self.store, self.clock = ScriptedQueue(), store, HandClock()
        self.metrics = IndexerMetrics()
        self.progress = Progress(self.queue, self.clock)
        self.work = LogIndexing(
            self.queue,
            store,
            self.clock,
            self.progress,
            self.metrics,
            backoff=lambda: Backoff(low_s=0.001, high_s=0.004),
            linger_s=0.01,
            drains=drains,
        )

    def count(self, result: str) -> float:
        """The counter of docs with this result."""
        return self.metrics.registry.get_sample_value("pailou_indexer_docs_total", {"result": result}) or 0.0


@asynccontextmanager
async def indexing(
    judge: Callable[[int, Sequence[CallLog]], Sequence[IndexVerdict]] | None = None, *, drains: bool = False
) -> AsyncIterator[Indexing]:
    """A consumer that runs inside and is stopped at the end."""
    it = Indexing(ScriptedStore(judge), drains=drains)
    running = asyncio.create_task(it.work.run())
    async with asyncio.timeout(30):
        yield it
        await it.work.stop()
        await running


async def test_stored_batches_are_acknowledged() -> None:
    """Batches that wait together go in one bulk with one time of indexing, and are acknowledged one by one."""
    async with indexing() as it:
        deliveries = [it.queue.put(call_log(f"r{n}a"), call_log(f"r{n}b")) for n in range(3)]
        for delivery in deliveries:
            await delivery.settled.wait()
        assert [delivery.events for delivery in deliveries] == [["ack"]] * 3
        assert it.store.bulks == [["r0a", "r0b", "r1a", "r1b", "r2a", "r2b"]]
        assert it.store.times == {1_750_000_100_000}
        assert it.count("created") == 6
        assert it.store.prepared == 1


async def test_a_bulk_has_a_bounded_number_of_batches() -> None:
    """Half of the prefetch: the other half can be under way meanwhile."""
    async with indexing() as it:
        deliveries = [it.queue.put(call_log(f"r{n}")) for n in range(MAX_BULK_BATCHES + 1)]
        for delivery in deliveries:
            await delivery.settled.wait()
        assert [len(bulk) for bulk in it.store.bulks] == [MAX_BULK_BATCHES, 1]


async def test_duplicates_are_as_good_as_stored() -> None:
    """What was there already is acknowledged and counted."""
    async with indexing(lambda attempt, records: [DUPLICATE] * len(records)) as it:
        delivery = it.queue.put(call_log("r1"))
        await delivery.settled.wait()
        assert delivery.events == ["ack"]
        assert it.count("duplicate") == 1


async def test_only_what_must_be_repeated_is_repeated() -> None:
    """Of a bulk with one busy record that one is sent again; its batch is acknowledged only then, the other at once."""

    def busy_once(attempt: int, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        return [RETRY if record.requestId == "busy" and attempt < 4 else CREATED for record in records]

    async with indexing(busy_once) as it:
        good, mixed = it.queue.put(call_log("good")), it.queue.put(call_log("mate"), call_log("busy"))
        await mixed.settled.wait()
        assert it.store.bulks == [["good", "mate", "busy"], ["busy"], ["busy"], ["busy"]]
        assert (good.events, mixed.events) == (["ack"], ["ack"])
        assert it.count("created") == 3
        assert it.count("retried") == 3


async def test_a_refused_record_goes_to_the_dead_letters_before_the_ack() -> None:
    """Its batch-mates are stored; with undecodable lines it is the same."""

    def judge(attempt: int, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        return [REFUSED if record.requestId == "bad" else CREATED for record in records]

    async with indexing(judge) as it:
        delivery = it.queue.put(call_log("r1"), call_log("bad"), call_log("r2"))
        hopeless = Delivered(b"poison\n")
        it.queue.waiting.put_nowait(hopeless)
        await delivery.settled.wait()
        await hopeless.settled.wait()
        assert delivery.events == ["dead", "ack"]
        assert [reason for _, reason in delivery.dead] == ["does not fit"]
        assert hopeless.events == ["dead", "ack"]
        assert (it.count("created"), it.count("deadletter")) == (2, 2)


async def test_without_room_for_dead_letters_nothing_is_acknowledged() -> None:
    """The queue of dead letters cannot be written: the batch goes back and comes again, instead of staying in our hands for ever."""
    async with indexing() as it:
        hopeless = Delivered(b"poison\n")
        hopeless.refuses_dead = True
        it.queue.waiting.put_nowait(hopeless)
        await hopeless.settled.wait()
        assert hopeless.events == ["requeue"]
        assert it.count("deadletter") == 0


async def test_a_store_without_room_is_an_alarm_of_its_own() -> None:
    """A blocked record is repeated like a busy one, and the reason is known until something is stored again."""
    blocked = IndexVerdict(outcome="retry", reason="cluster_block_exception: flood stage", is_blocked=True)
    room = asyncio.Event()

    def judge(attempt: int, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        return [CREATED if room.is_set() else blocked for _ in records]

    async with indexing(judge) as it:
        delivery = it.queue.put(call_log("r1"))
        while not it.progress.blocked:
            await asyncio.sleep(0.001)
        assert "flood stage" in it.progress.blocked
        assert it.metrics.registry.get_sample_value("pailou_log_store_blocked") == 1
        room.set()
        await delivery.settled.wait()
        assert it.progress.blocked == ""
        assert it.metrics.registry.get_sample_value("pailou_log_store_blocked") == 0
        assert delivery.events == ["ack"]


async def test_a_store_that_is_down_is_waited_for() -> None:
    """Nothing is acknowledged or lost meanwhile, and few bulks ask it; afterwards everything is stored once."""
    up = False

    def judge(attempt: int, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        if not up:
            raise PLATFORM_UNAVAILABLE("elasticsearch: ConnectionError")
        return [CREATED] * len(records)

    async with indexing(judge) as it:
        deliveries = [it.queue.put(call_log(f"r{n}")) for n in range(3 * MAX_BULK_BATCHES)]
        while len(it.store.bulks) < 10:
            await asyncio.sleep(0.001)
        assert not any(delivery.events for delivery in deliveries)
        assert it.store.most_at_once <= BULKS_AT_ONCE
        up = True
        for delivery in deliveries:
            await delivery.settled.wait()
        assert all(delivery.events == ["ack"] for delivery in deliveries)
        assert it.count("created") == len(deliveries)


async def test_what_cannot_be_stored_for_long_is_given_back() -> None:
    """Before the broker loses patience with an unsettled batch, it goes back to the queue."""
    async with indexing(lambda attempt, records: [RETRY] * len(records)) as it:
        delivery = it.queue.put(call_log("r1"))
        while not it.store.bulks:
            await asyncio.sleep(0.001)
        it.clock.monotonic_s = HOLD_S + 1
        await delivery.settled.wait()
        assert delivery.events == ["requeue"]
        assert it.progress.batches == 0


async def test_an_acknowledgement_that_fails_is_no_fault() -> None:
    """The connection is gone: the batch comes again by itself, indexing goes on."""
    async with indexing() as it:
        lost = Delivered(b"")
        lost.lost = True
        it.queue.waiting.put_nowait(lost)
        after = it.queue.put(call_log("r1"))
        await after.settled.wait()
        assert it.metrics.registry.get_sample_value("pailou_indexer_redeliveries_total") == 1
        assert it.progress.batches == 0


async def test_a_fault_of_ours_gives_the_batch_back() -> None:
    """An error that nobody expected neither loses a batch nor ends indexing."""

    def judge(attempt: int, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        if attempt == 1:
            raise KeyError("a bug")
        return [CREATED] * len(records)

    async with indexing(judge) as it:
        first = it.queue.put(call_log("r1"))
        await first.settled.wait()
        second = it.queue.put(call_log("r2"))
        await second.settled.wait()
        assert (first.events, second.events) == (["requeue"], ["ack"])


async def test_a_batch_on_which_we_fail_for_ever_is_put_aside() -> None:
    """At its third delivery it goes to the dead letters whole; until then it is handled alone, so that it takes nobody with it."""

    def judge(attempt: int, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        if any(record.requestId == "fatal" for record in records):
            raise KeyError("a bug")
        return [CREATED] * len(records)

    async with indexing(judge) as it:
        for times_before, event in ((1, "requeue"), (2, "reject")):
            fatal = it.queue.put(call_log("fatal"))
            fatal.times_before = times_before
            good = it.queue.put(call_log("good"))
            await fatal.settled.wait()
            await good.settled.wait()
            assert (fatal.events, good.events) == ([event], ["ack"])
        assert it.count("deadletter") == 1


async def test_stopping_finishes_the_bulk_under_way() -> None:
    """What was sent to the store is acknowledged before the queue is closed."""
    async with indexing() as it:
        delivery = it.queue.put(call_log("r1"))
        while not it.progress.batches:
            await asyncio.sleep(0)
    assert delivery.events == ["ack"]
    assert it.queue.closed


async def test_stopping_while_the_store_is_down_gives_back() -> None:
    """A stop does not wait for a store that may never come."""

    def down(attempt: int, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
        raise PLATFORM_UNAVAILABLE("elasticsearch: ConnectionError")

    async with indexing(down) as it:
        delivery = it.queue.put(call_log("r1"))
        while not it.store.bulks:
            await asyncio.sleep(0.001)
    assert delivery.events == ["requeue"]


async def test_draining_takes_all_that_waits() -> None:
    """With a queue that does not outlive the process, everything in it is stored before the end."""
    async with indexing(drains=True) as it:
        deliveries = [it.queue.put(call_log(f"r{n}")) for n in range(20)]
    assert all(delivery.events == ["ack"] for delivery in deliveries)


async def test_the_lag_is_the_age_of_the_oldest_record_that_is_not_indexed() -> None:
    """In hand: its age; none in hand, but some waiting: since when; nothing: 0."""
    hold = asyncio.Event()

    class SlowStore(ScriptedStore):
        async def add(self, records: Sequence[CallLog]) -> Sequence[IndexVerdict]:
            await hold.wait()
            return await super().add(records)

    it = Indexing(SlowStore())
    assert (await it.progress.lag()).lag_s == 0
    delivery = it.queue.put(
        call_log("old", receiveTime=1_750_000_050_000), call_log("r1", receiveTime=1_750_000_099_000)
    )
    it.clock.now_s += 10
    lag = await it.progress.lag()
    assert (lag.lag_s, lag.depth, lag.last_indexed_ms) == (10, 1, 0)
    running = asyncio.create_task(it.work.run())
    while not it.progress.batches:
        await asyncio.sleep(0)
    lag = await it.progress.lag()
    assert (lag.lag_s, lag.depth) == (60, 0)
    hold.set()
    await delivery.settled.wait()
    lag = await it.progress.lag()
    assert (lag.lag_s, lag.depth, lag.last_indexed_ms) == (0, 0, 1_750_000_099_000)
    await it.work.stop()
    await running
