"""Routing of a batch: takes it apart, sends its calls through the pipeline at the same time, and joins their answers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.call import Batch, Call
from gateway.catalog import Catalog
from openplatform.protocol import joined, split_batch


class RunBatch:
    """Each call is one of its own from here on: it counts against every limit and leaves its record, under the batch's request
    id with its place, from 1, behind it; only the signature is the batch's.

    run: takes one call to its answer; max_calls, max_params: bounds of a batch and of each of its calls.
    """

    def __init__(
        self,
        run: Callable[[Call], Coroutine[Any, Any, None]],
        catalog: Catalog,
        *,
        max_calls: int,
        max_params: int,
    ) -> None:
        self._run = run
        self._catalog = catalog
        self._max_calls = max_calls
        self._max_params = max_params

    async def __call__(self, call: Call) -> None:
        assert isinstance(call, Batch)
        shared = self._catalog.not_business
        said = {name: text for name, text in call.params.items() if name in shared}
        public, texts = split_batch(call.body, call.separator, max_calls=self._max_calls, max_params=self._max_params)
        said = joined(said, public)
        parts = [self._part(call, n, text, said) for n, text in enumerate(texts, start=1)]
        call.carries = len(parts)
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(self._run(part))
        call.answer = call.separator.join([part.answer for part in parts])

    def _part(self, batch: Batch, place: int, text: bytes, said: dict[str, str]) -> Call:
        part = Call(
            request_id=f"{batch.request_id}-{place}",
            http_method=batch.http_method,
            query=b"",
            content_type="",
            body=text,
            remote_ip=batch.remote_ip,
            received_at=batch.received_at,
            started=batch.started,
        )
        part.app = batch.app
        part.as_json, part.simplify = batch.as_json, batch.simplify
        # A replay guard takes each signature once: a batch signs all its calls with one.
        part.params = {**said, "sign": f"{batch.params['sign']}-{place}"}
        if batch.trace is not None:
            part.trace = batch.trace.of_part(part.request_id)
            part.stamps = [] if part.trace.is_recorded else None
        return part
