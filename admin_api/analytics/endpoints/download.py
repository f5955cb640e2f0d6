"""A file of any length as an answer: passed on as it comes, ended at its source when the caller leaves."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

TOTAL_HEADER = "X-Total-Count"

Opened = AbstractAsyncContextManager[tuple[int, AsyncIterator[bytes | str]]]


class FileStream(Response):
    """Opens the source when the answer begins, and closes it with the answer; the source's refusals are answered as usual.

    opened: gives the number of records and the file's bytes. A source that breaks off breaks the answer off: the caller's HTTP
    library sees that it is not complete.
    """

    def __init__(self, opened: Callable[[], Opened], media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(media_type=media_type, headers=headers)
        self._opened = opened
        self._file_headers = dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened() as (total, chunks):
            headers = self._file_headers | {TOTAL_HEADER: str(total)}
            await StreamingResponse(chunks, headers=headers, media_type=self.media_type)(scope, receive, send)


def download_headers(name: str, moment: datetime, ending: str) -> dict[str, str]:
    """Makes a browser save the answer under a name with a time in it."""
    file = f"{name}-{moment:%Y%m%d-%H%M%S}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{file}"'}
