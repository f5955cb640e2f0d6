"""`python -m benchmarks.log_path`: what the way of a call log costs the gateway, from the pipeline's last stage to the confirm."""

import asyncio
import resource
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from types import SimpleNamespace

import uvloop

from benchmarks import machine
from benchmarks.yardstick import PARAMS, REFERENCE_US, nginx_beside
from gateway.call import Call
from gateway.filters.publish_call_log import PublishCallLog
from gateway.spool import LogSpool
from openplatform.adapters.backends import open_log_publisher
from openplatform.process_memory import keep_freed_memory
from openplatform.web import SystemClock
from tests.servers import RabbitMQ
from tests.servers.pool import ServerPool

CALLS = 100_000
ROUNDS = 7
"""Of which the median counts: the machine's own noise is half of a figure."""
BOUND = 4 / REFERENCE_US
"""The promise is 4 µs on a machine whose nginx takes 10.6 for `proxy_pass`: as other machines are slower, so is the bound."""
TURNS = (1, 8, 32)
"""Calls that one turn of the loop answers: an idle process, a busy one, a full one (64 connections answer 20 to 40 at once)."""


async def nowhere(batch: bytes) -> None:
    """A broker that costs nothing."""


def calls() -> list[Call]:
    """Calls as the pipeline leaves them: of as many apps, orders, callers and merchants."""
    clock = SystemClock()
    made = []
    chance = Random(17)  # records of a benchmark
    route = SimpleNamespace(route=SimpleNamespace(api_name=PARAMS["method"], sensitive=()))
    for number in range(64):
        call = Call(
            request_id=f"5f2d7c9a1b3e4f60{number:08x}", http_method="POST", query=b"", content_type="", body=b"", remote_ip="10.1.2.3",
            received_at=clock.now(), started=clock.monotonic(),
        )  # fmt: skip
        call.params = {
            **PARAMS,
            "app_key": str(chance.randrange(10**6, 10**7)),
            "order_id": str(chance.randrange(10**15, 10**16)),
        }
        call.vender_id, call.service_ms, call.attempts = chance.randrange(10**6), chance.uniform(2, 40), 1
        call.answer = b"x" * chance.randrange(200, 2000)
        call.remote_ip = f"10.{chance.randrange(256)}.{chance.randrange(256)}.3"
        app = SimpleNamespace(app=SimpleNamespace(app_key=call.params["app_key"]))
        call.app, call.route = app, route  # type: ignore[assignment]  # what the record reads of them
        made.append(call)
    return made


async def cost_us(send: Callable[[bytes], Awaitable[None]], *, root: Path | None, turn: int) -> float:
    """CPU per call, of all threads, until everything is on disk, sent and confirmed."""
    logs = LogSpool(send, root=root, max_bytes=2**31, max_records=2 * CALLS, flush_s=0.2)
    publish, made = PublishCallLog(logs, SystemClock(), serv_ip="10.0.0.1", node="bench-1"), calls()
    before = used_us()
    async with logs.open(flush_s=60):
        for at in range(0, CALLS, turn):
            for call in made[:turn]:
                publish(call)
            logs.write_turn()
            if at % 512 < turn:
                await asyncio.sleep(0)
    return (used_us() - before) / CALLS


def used_us() -> float:
    """Of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


async def measure(rabbitmq_url: str, folder: Path, nginx_us: Callable[[], float]) -> None:
    print(f"{machine.name()}; µs of CPU per call, bound {BOUND:.2f} × nginx")
    print(
        "calls per turn | record | record, encoded, on disk | all of it, until RabbitMQ has confirmed | nginx | × nginx"
    )
    async with open_log_publisher(rabbitmq_url, None) as publisher:
        send = partial(publisher.publish, node="bench-1")
        for turn in TURNS:
            rounds = []
            for number in range(ROUNDS):
                record, nginx = record_us(), nginx_us()
                to_disk = await cost_us(nowhere, root=folder / f"disk-{turn}-{number}", turn=turn)
                everything = await cost_us(send, root=folder / f"all-{turn}-{number}", turn=turn)
                rounds.append((record, to_disk, everything, nginx, everything / nginx))
            record, to_disk, everything, nginx, ratio = map(median, zip(*rounds, strict=True))
            print(f"{turn:14} | {record:6.2f} | {to_disk:24.2f} | {everything:39.2f} | {nginx:5.1f} | {ratio:7.2f}")


def record_us() -> float:
    """What making the record takes, offered to nobody."""

    class Nobody:
        def offer(self, record: object) -> None: ...

    publish, made = PublishCallLog(Nobody(), SystemClock(), serv_ip="10.0.0.1", node="bench-1"), calls()  # type: ignore[arg-type]
    before = used_us()
    for _ in range(CALLS // 64):
        for call in made:
            publish(call)
    return (used_us() - before) / CALLS


def main() -> None:
    keep_freed_memory()  # as the gateway does
    pool = ServerPool()
    folder = Path(tempfile.mkdtemp(prefix="pailou-log-path-", dir="/var/tmp"))
    try:
        pool.begin(RabbitMQ)
        uvloop.run(measure(pool.url(RabbitMQ), folder, nginx_beside(pool, folder)))  # the loop that serves
    finally:
        pool.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
