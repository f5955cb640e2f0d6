"""`python -m benchmarks`: the table of the platform's performance goals, measured here and now."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import cases, machine, profile, report
from benchmarks.catalogue import Catalogue
from benchmarks.change import measure_changes
from benchmarks.load import Load
from benchmarks.processes import measure_processes
from benchmarks.profiled import START
from benchmarks.world import World, build_world

ONE, LARGE = "whole pipeline, one process", 100_000
console = Console(highlight=False, width=110)  # whether a person reads along or a file


def main(
    seconds: Annotated[float, typer.Option(help="Length of each run.", min=1, max=60)] = 5,
    runs: Annotated[int, typer.Option(help="Runs, of which the median counts.", min=1, max=9)] = 3,
    connections: Annotated[int, typer.Option(help="Callers at the same time.", min=1, max=512)] = 64,
    keep: Annotated[bool, typer.Option(help="Append the figures to benchmarks/results.csv.")] = True,
    profiled: Annotated[bool, typer.Option("--profile", help="Instead: where the time of a call goes.")] = False,
    scale: Annotated[
        bool, typer.Option(help="Also with 100,000 apps, routes and tokens; and changes among them.")
    ] = False,
    processes: Annotated[
        int, typer.Option(help="Also so many processes beside one: what a call costs then.", min=1, max=16)
    ] = 1,
) -> None:
    """Measures the gateway beside nginx: CPU per request, requests/s on one core, latency at half load, memory."""
    if machine.has_two_cores():
        machine.move_to_others_core()
    else:
        console.print(
            "[yellow]One core only: load and gateway share it, only CPU per request means something.[/yellow]"
        )
    with build_world(Catalogue()) as world:
        load = Load(world.bodies, connections)
        if profiled:
            _profile(world, load, seconds)
            return
        if processes > 1:
            _processes(world, load, processes, runs, seconds)
        rows = [cases.whole_pipeline(world, load, console, case=ONE, runs=runs, seconds=seconds)]
    if scale:
        rows.append(_scale(connections, runs, seconds))
    report.show(rows, console)
    if keep:
        report.keep(rows)
        console.print(f"[dim]appended to {report.RESULTS.name}[/dim]")


def _scale(connections: int, runs: int, seconds: float) -> report.Figures:
    """The same case in a large catalogue, and what a change costs there."""
    catalogue = Catalogue(apps=LARGE, tokens=LARGE, routes=LARGE, schemas=LARGE // 100)
    with build_world(catalogue) as world:
        load = Load(world.bodies, connections)
        case = f"the same with {LARGE:,} apps, routes, tokens"
        figures = cases.whole_pipeline(world, load, console, case=case, runs=runs, seconds=seconds)
        change = asyncio.run(measure_changes(catalogue, world.redis_url))
    console.print(
        f"one changed app among {LARGE:,}: in force after {change.in_force_ms:.1f} ms (worst of {change.changes}: "
        f"{change.worst_in_force_ms:.1f}); longest pause of the loop {change.pause_ms:.1f} ms, without changes "
        f"{change.idle_pause_ms:.1f}"
    )
    return figures


def _processes(world: World, load: Load, processes: int, runs: int, seconds: float) -> None:
    f = measure_processes(world, load, processes=processes, runs=runs, seconds=seconds)
    console.print(
        f"{f.processes} processes: {f.cpu_us:.1f} µs of CPU per call, one process {f.one_cpu_us:.1f}, at {f.rate:,.0f} calls/s "
        f"for each: {f.processes * f.one_cpu_us / f.cpu_us:.2f} × one; at most {f.saturated:,.0f}/s, one process "
        f"{f.one_saturated:,.0f}/s, with load and stores on the same cores"
    )


def _profile(world: World, load: Load, seconds: float) -> None:
    with world.gateway() as gateway:
        load.saturate(gateway.url, gateway.worker_pids, seconds=cases.WARM_UP_S)
        plain = load.saturate(gateway.url, gateway.worker_pids, seconds=seconds)
    world.empty_queue()
    path = Path(tempfile.gettempdir()) / "pailou-gateway.collapsed"
    with world.gateway(profile_to=path) as gateway:
        load.saturate(gateway.url, gateway.worker_pids, seconds=cases.WARM_UP_S)
        os.kill(gateway.pid, START)
        load.saturate(gateway.url, gateway.worker_pids, seconds=4 * seconds)
    profile.show(profile.read(path), plain.cpu_us, console)
    console.print(f"{plain.cpu_us:.1f} µs of CPU per request without the profiler; stacks for flame graphs: {path}")


if __name__ == "__main__":
    typer.run(main)
