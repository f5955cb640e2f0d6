"""`python -m benchmarks.neighbours`: what calls of a healthy API notice while another API's service is gone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import machine
from benchmarks.catalogue import DEAD_API, HEALTHY_API, Catalogue, signed_bodies
from benchmarks.load import Load, Run
from benchmarks.world import World, build_world

BODIES = 2000
console = Console(highlight=False)


def main(
    rate: Annotated[int, typer.Option(help="Calls/s of each of the two APIs.", min=10)] = 1000,
    seconds: Annotated[float, typer.Option(help="Length of each run.", min=1, max=60)] = 4,
    rounds: Annotated[int, typer.Option(help="Pairs of runs, of which the median counts.", min=1, max=50)] = 9,
) -> None:
    """Both run side by side at a fixed rate; the other API is a healthy one and one whose service refuses connections, in turns."""
    machine.move_to_others_core()
    with build_world(Catalogue(routes=3, has_dead=True)) as world, world.gateway() as gateway:
        others = {name: Load(_bodies_of(world, name), 32) for name in (HEALTHY_API, DEAD_API)}
        measured = Load(world.bodies, 32)
        runs: dict[str, list[Run]] = {name: [] for name in others}
        for number in range(-1, rounds):  # the first round warms up
            for name, other in others.items():
                with ThreadPoolExecutor(1) as beside:
                    there = beside.submit(other.at_rate, gateway.url, gateway.worker_pids, rate=rate, seconds=seconds)
                    run = measured.at_rate(gateway.url, gateway.worker_pids, rate=rate, seconds=seconds)
                    there.result()
                if number >= 0:
                    runs[name].append(run)
            world.empty_queue()
    healthy, dead = runs[HEALTHY_API], runs[DEAD_API]
    changes = [100 * (after.p99_ms / before.p99_ms - 1) for before, after in zip(healthy, dead, strict=True)]
    for name, them in (("a healthy one", healthy), ("one whose service is gone", dead)):
        p50, p99 = median(run.p50_ms for run in them), median(run.p99_ms for run in them)
        console.print(f"beside {name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    console.print(
        f"change of p99, median of {rounds} pairs: {median(changes):+.0f} % ({min(changes):+.0f} to {max(changes):+.0f})"
    )


def _bodies_of(world: World, api_name: str) -> Path:
    path = world.bodies.with_name(api_name)
    path.write_text("\n".join(signed_bodies(world.catalogue.callers, BODIES, api_name=api_name)) + "\n")
    return path


if __name__ == "__main__":
    typer.run(main)
