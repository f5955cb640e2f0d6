"""The one factory of Elasticsearch clients, and the one place where their errors become ours."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import orjson
from elastic_transport import SerializationError, Serializer, TransportError
from elasticsearch import ApiError, AsyncElasticsearch

from openplatform.errors import PLATFORM_UNAVAILABLE, StoreRejected

REQUEST_TIMEOUT_S = 5.0
"""Statistics over 1,000,000 records take 0.3 s; whoever asks gives up after a few seconds anyway."""


class _Json(Serializer):
    """orjson in place of the standard library: a bulk's answer has thousands of items."""

    mimetype = "application/vnd.elasticsearch+json"

    def loads(self, data: bytes) -> Any:
        try:
            return orjson.loads(data) if data else None
        except orjson.JSONDecodeError as error:
            raise SerializationError("the answer is no JSON", errors=(error,)) from error

    def dumps(self, data: Any) -> bytes:
        return orjson.dumps(data)


class _Lines(Serializer):
    """NDJSON that is bytes already."""

    mimetype = "application/vnd.elasticsearch+x-ndjson"

    def dumps(self, data: Any) -> bytes:
        if not isinstance(data, bytes):
            raise TypeError("a bulk body is bytes")
        return data


@asynccontextmanager
async def open_elasticsearch_client(url: str) -> AsyncIterator[AsyncElasticsearch]:
    """A client of `http(s)://user:password@host:port` that never repeats a request: whoever asks decides that."""
    client = AsyncElasticsearch(
        url,
        request_timeout=REQUEST_TIMEOUT_S,
        max_retries=0,
        retry_on_timeout=False,
        serializers={_Json.mimetype: _Json(), _Lines.mimetype: _Lines()},
    )
    try:
        yield client
    finally:
        await client.close()


@contextmanager
def elasticsearch_errors() -> Iterator[None]:
    """Turns whatever the driver raises inside the block into StoreRejected (status 400) or PlatformUnavailable (all else)."""
    try:
        yield
    except ApiError as error:
        if error.meta.status == 400:
            raise StoreRejected(error_text(error)) from error
        raise PLATFORM_UNAVAILABLE(f"elasticsearch: {error.meta.status} {error_text(error)}") from error
    except (TransportError, OSError, TimeoutError) as error:
        raise PLATFORM_UNAVAILABLE(f"elasticsearch: {type(error).__name__}") from error


def error_text(error: ApiError) -> str:
    """`type: reason` of the first cause, at most 300 characters."""
    cause = error.body.get("error") if isinstance(error.body, dict) else None
    if isinstance(cause, dict):
        roots = cause.get("root_cause")
        first = roots[0] if isinstance(roots, list) and roots else cause
        return f"{first.get('type')}: {first.get('reason')}"[:300]
    return str(error.message)[:300]
