"""What a process tells Prometheus: its own figures, those that every service has, and those of the processes beside it on its port.

A scrape reaches one of the processes that share a port. It answers for all of them, each sample with the label `worker`, or
every counter would jump from one process's value to another's.
"""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from openplatform import __version__

__all__ = ["CONTENT_TYPE_LATEST", "Metric", "Source", "common_families", "exposition", "may_scrape", "siblings"]

Source = Callable[[], Awaitable[Iterable[Metric]]]
"""Makes a process's families when somebody asks."""

ANSWER_S = 1.0
"""A process that hangs holds the scrape no longer, and is missing from it."""
_MAX_ANSWER_BYTES = 64 * 1024 * 1024

# CPU time, memory, descriptors; in a registry of its own, since a process may hold several services.
_PROCESS = ProcessCollector(registry=CollectorRegistry())


def common_families(service: str, dependencies: Mapping[str, bool]) -> Iterator[Metric]:
    """What every service tells. dependencies: a store's or service's name → whether it answers."""
    build = GaugeMetricFamily("pailou_build_info", "The running version", labels=("service", "version"))
    build.add_metric((service, __version__), 1)
    yield build
    up = GaugeMetricFamily("pailou_dependency_up", "1 while what this process depends on answers", labels=("dep",))
    for name, answers in dependencies.items():
        up.add_metric((name,), answers)
    yield up
    yield from _PROCESS.collect()


def may_scrape(headers: Iterable[tuple[bytes, bytes]], keys: Iterable[str]) -> bool:
    """Whether a scraper elsewhere holds one of the platform's internal keys, sent as `Authorization: Bearer …`, Prometheus' own way."""
    said = next((value for name, value in headers if name == b"authorization"), b"")
    return any(hmac.compare_digest(b"Bearer " + key.encode(), said) for key in keys)


async def exposition(source: Source) -> bytes:
    """The text that Prometheus scrapes: this process's families and its siblings'."""
    return generate_latest(_Given(await siblings.families(source)))


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class Siblings:
    """The worker processes of one supervisor: each answers the others at a socket in a folder that only their user can enter.

    A process that was not told `join` has none.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._slot = ""
        self._count = 1
        self._source: Source | None = None
        self._server: asyncio.Server | None = None

    def join(self, folder: Path, slot: int, count: int) -> None:
        """slot: its number among the `count` workers; a replacement has the number of the one that it replaces."""
        self._folder, self._slot, self._count = folder, str(slot), count

    def answer_with(self, source: Source) -> None:
        """What the others are told."""
        self._source = source

    async def listen(self) -> None:
        """From now on the others find this process."""
        if self._folder is not None:
            self._server = await asyncio.start_unix_server(self._answer, self._path)

    @property
    def all_listen(self) -> bool:
        """Whether as many are found as there shall be; one that was killed counts on until its replacement is there."""
        if self._folder is None:
            return True
        return len({path.name.partition("-")[0] for path in self._folder.glob("*.sock")}) >= self._count

    def leave(self) -> None:
        """The others find it no more. The last one takes the folder away."""
        if self._server is None or self._folder is None:
            return
        self._server.close()
        self._server = None
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # somebody else is in it
            self._folder.rmdir()

    async def families(self, source: Source) -> list[Metric]:
        """The source's, and of each sibling that answers in time."""
        own = list(await source())
        if self._folder is None:
            return own
        # An old process and its replacement may both be there for a moment: the younger one counts on.
        found = sorted(self._folder.glob("*.sock"), key=_made_at)
        others = {path.name.partition("-")[0]: path for path in found}
        others.pop(self._slot, None)
        answers = await asyncio.gather(*(_ask(path) for path in others.values()))
        merged: dict[str, Metric] = {}
        for slot, families in [(self._slot, own), *zip(others, answers, strict=True)]:
            for family in families:
                whole = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                whole.samples += [
                    sample._replace(labels={**sample.labels, "worker": slot}) for sample in family.samples
                ]
        return list(merged.values())

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._slot}-{os.getpid()}.sock"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            families = [] if self._source is None else await self._source()
            told = [(f.name, f.documentation, f.type, [s[:3] for s in f.samples]) for f in families]
            writer.write(orjson.dumps(told))
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked has given up
        finally:
            writer.close()


siblings = Siblings()
"""This process's own."""


def _made_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


async def _ask(path: Path) -> list[Metric]:
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_ANSWER_BYTES)
            try:
                told = orjson.loads(await reader.read(-1))
            finally:
                writer.close()
    except (OSError, TimeoutError, orjson.JSONDecodeError):
        return []
    families = []
    for name, documentation, kind, samples in told:
        family = Metric(name, documentation, kind)
        # JSON has no word for what is not a number.
        family.samples = [Sample(n, labels, float("nan") if value is None else value) for n, labels, value in samples]
        families.append(family)
    return families
