"""The cases, and how each is measured: the gateway between two runs of nginx, three times; then both at half load."""

from statistics import median

from rich.console import Console

from benchmarks.gateway import Gateway
from benchmarks.load import Load, Run
from benchmarks.report import Figures
from benchmarks.world import BODIES, World

WARM_UP_S = 2.0
_HALF = 0.5


def whole_pipeline(world: World, load: Load, console: Console, *, case: str, runs: int, seconds: float) -> Figures:
    """A signed form call with a session through every stage: grant, schema, limits in Redis, forwarded, enveloped, logged."""
    reference = world.reference
    with world.gateway() as gateway:
        warm = load.saturate(gateway.url, gateway.worker_pids, seconds=WARM_UP_S)
        if (
            warm.requests < BODIES and world.catalogue.is_large
        ):  # an app's first call opens its secret; only later ones count
            load.saturate(gateway.url, gateway.worker_pids, seconds=BODIES / warm.per_second + 1)
        warm_counts = gateway.counted()
        if (
            warm_counts.get("ok", 0.0) < warm.requests * 0.9
        ):  # on a busy machine a store may be late in the first moments
            raise RuntimeError(f"most calls do not go well: {warm_counts}\n{gateway.log_end()}")
        load.saturate(reference.url, reference.worker_pids, seconds=1)
        before: list[Run] = []
        ours: list[Run] = []
        ratios: list[float] = []
        before.append(load.saturate(reference.url, reference.worker_pids, seconds=seconds))
        for number in range(1, runs + 1):
            run = load.saturate(gateway.url, gateway.worker_pids, seconds=seconds)
            world.empty_queue()
            after = load.saturate(reference.url, reference.worker_pids, seconds=seconds)
            ratios.append(run.cpu_us / ((before[-1].cpu_us + after.cpu_us) / 2))
            ours.append(run)
            console.print(
                f"[dim]run {number}: nginx {before[-1].cpu_us:.1f} µs, gateway {run.cpu_us:.1f} µs "
                f"({run.per_second:,.0f}/s), nginx {after.cpu_us:.1f} µs: {ratios[-1]:.2f} ×[/dim]"
            )
            before.append(after)
        per_second = median(run.per_second for run in ours)
        half = per_second * _HALF
        at_half = [load.at_rate(gateway.url, gateway.worker_pids, rate=half, seconds=seconds) for _ in range(runs)]
        nginx_at_half = load.at_rate(reference.url, reference.worker_pids, rate=half, seconds=seconds)
        _check(gateway, warm_counts)
        return Figures(
            case=case,
            cpu_us=median(run.cpu_us for run in ours),
            nginx_us=median(run.cpu_us for run in before),
            ratio=median(ratios),
            per_second=per_second,
            nginx_per_second=median(run.per_second for run in before),
            half_rate=median(run.per_second for run in at_half),
            p50_ms=median(run.p50_ms for run in at_half),
            p99_ms=median(run.p99_ms for run in at_half),
            nginx_p50_ms=nginx_at_half.p50_ms,
            nginx_p99_ms=nginx_at_half.p99_ms,
            resident_mib=ours[-1].resident_mib,
            runs=runs,
            seconds=seconds,
            connections=load.connections,
        )


def _check(gateway: Gateway, warm_counts: dict[str, float]) -> None:
    """Every call since then was a success; errors travel with HTTP 200, so that wrk does not see them."""
    counts = gateway.counted()
    others = {name: count - warm_counts.get(name, 0.0) for name, count in counts.items() if name != "ok"}
    if any(others.values()):
        raise RuntimeError(f"{counts['ok']:.0f} calls went well, others did not: {others}\n{gateway.log_end()}")
