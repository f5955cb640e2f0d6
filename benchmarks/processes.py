"""Several processes on one port, beside one, each with as much to do: what a call costs, which must not grow with their number."""

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.gateway import Gateway
from benchmarks.load import Load, Run
from benchmarks.world import World

WARM_UP_S = 2.0
_LIGHT = 0.4
"""Share of what one process does at most, for each of them: with more, load, stores and gateways on two cores measure each other."""


@dataclass(frozen=True)
class ProcessFigures:
    """rate: calls/s of each process; cpu_us: of a call, over all processes; one_cpu_us: of a single process; saturated, one_saturated:
    calls/s at most, with load and stores on the same cores."""

    processes: int
    rate: float
    cpu_us: float
    one_cpu_us: float
    saturated: float
    one_saturated: float


def measure_processes(world: World, load: Load, *, processes: int, runs: int, seconds: float) -> ProcessFigures:
    """Both gateways run on any core and take turns under the load; medians of the runs."""
    with ExitStack() as stack:
        gateways = {number: stack.enter_context(world.gateway(processes=number)) for number in (1, processes)}
        full: dict[int, float] = {}
        for number, gateway in gateways.items():
            load.saturate(gateway.url, gateway.worker_pids, seconds=WARM_UP_S)
            full[number] = load.saturate(gateway.url, gateway.worker_pids, seconds=seconds).per_second
        rate = full[1] * _LIGHT
        done: dict[int, list[Run]] = {number: [] for number in gateways}
        for _ in range(runs):
            for number, gateway in gateways.items():
                done[number].append(load.at_rate(gateway.url, gateway.worker_pids, rate=number * rate, seconds=seconds))
            world.empty_queue()
        for gateway in gateways.values():
            _check(gateway)
    cpu = {number: median(run.cpu_us for run in of) for number, of in done.items()}
    return ProcessFigures(processes, rate, cpu[processes], cpu[1], full[processes], full[1])


def _check(gateway: Gateway) -> None:
    """Errors travel with HTTP 200. Each look meets one of the processes: twenty of them meet all."""
    for _ in range(20):
        others = {name: count for name, count in gateway.counted().items() if name != "ok" and count}
        if others:
            raise RuntimeError(f"not all calls went well: {others}\n{gateway.log_end()}")
