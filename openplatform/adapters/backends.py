"""URL scheme → adapter: the only place where a setting decides which technology plays a role.

Drivers are imported when they are chosen: a gateway need not hold Elasticsearch's client and a mail library in memory.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from openplatform.adapters.embedded import Embedded
from openplatform.errors import SettingsError
from openplatform.ports import (
    CallLogConsumer,
    CallLogPublisher,
    CallLogStore,
    ChargeConsumer,
    ChargePublisher,
    DeadLetters,
    Mailer,
)
from openplatform.tracing import Tracer

MAILER_SCHEMES = ("outbox", "smtp+starttls", "smtps", "smtp")
LOG_QUEUE_SCHEMES = ("amqp", "amqps", "memory")
LOG_STORE_SCHEMES = ("http", "https", "sqlite")


def open_mailer(url: str, sender: str) -> Mailer:
    """`outbox:///folder` (`outbox://folder` is relative), `smtp+starttls://user:password@host:587`, `smtps://…`, `smtp://host:25`.

    sender: `a@b.c` or `Name <a@b.c>`. Nothing is connected or written yet. Raises SettingsError.
    """
    parts = urlsplit(url)
    if parts.scheme == "outbox":
        folder = parts.netloc + parts.path
        if not folder.strip("/"):
            raise SettingsError("PAILOU_MAILER_URL: outbox:// needs a folder, e.g. outbox:///var/outbox")
        from openplatform.adapters.mailer_outbox import OutboxMailer

        return OutboxMailer(Path(folder), sender=sender)
    if parts.scheme in MAILER_SCHEMES:
        from openplatform.adapters.mailer_smtp import SmtpMailer

        return SmtpMailer(url, sender=sender)
    raise SettingsError(f"PAILOU_MAILER_URL: {parts.scheme}:// is none of {', '.join(MAILER_SCHEMES)}")


@asynccontextmanager
async def open_log_publisher(url: str, embedded: Embedded | None) -> AsyncIterator[CallLogPublisher]:
    """`amqp://user:password@host/vhost`, `amqps://…` or, in the all-in-one, `memory://`. Connects at the first batch.

    Raises SettingsError for another scheme, and for memory:// outside the all-in-one.
    """
    if _is_memory_queue(url, embedded) and embedded is not None:
        from openplatform.adapters.batch_queue_memory import MemoryBatchPublisher

        yield MemoryBatchPublisher(embedded.log_batches)
        return
    from openplatform.adapters.batch_queue_rabbitmq import open_rabbitmq_publisher
    from openplatform.adapters.rabbitmq_topology import CALL_LOGS

    async with open_rabbitmq_publisher(url, CALL_LOGS) as publisher:
        yield publisher


@asynccontextmanager
async def open_log_consumer(url: str, embedded: Embedded | None) -> AsyncIterator[CallLogConsumer]:
    """The other end of the same queue; same URLs, same errors."""
    if _is_memory_queue(url, embedded) and embedded is not None:
        from openplatform.adapters.batch_queue_memory import MemoryBatchConsumer

        yield MemoryBatchConsumer(embedded.log_batches, embedded.dead_letters)
        return
    from openplatform.adapters.batch_queue_rabbitmq import open_rabbitmq_consumer
    from openplatform.adapters.rabbitmq_topology import CALL_LOGS

    async with open_rabbitmq_consumer(url, CALL_LOGS) as consumer:
        yield consumer


@asynccontextmanager
async def open_dead_letters(url: str, embedded: Embedded | None) -> AsyncIterator[DeadLetters]:
    """What of that queue no store took; same URLs, same errors."""
    if _is_memory_queue(url, embedded) and embedded is not None:
        from openplatform.adapters.dead_letters_memory import MemoryDeadLetters

        yield MemoryDeadLetters(embedded.dead_letters, embedded.log_batches)
        return
    from openplatform.adapters.dead_letters_rabbitmq import open_rabbitmq_dead_letters
    from openplatform.adapters.rabbitmq_topology import CALL_LOGS

    async with open_rabbitmq_dead_letters(url, CALL_LOGS) as letters:
        yield letters


@asynccontextmanager
async def open_charge_publisher(url: str, embedded: Embedded | None) -> AsyncIterator[ChargePublisher]:
    """The queue of charges beside the one of call logs; same URLs, same errors."""
    if _is_memory_queue(url, embedded) and embedded is not None:
        from openplatform.adapters.batch_queue_memory import MemoryBatchPublisher

        yield MemoryBatchPublisher(embedded.charge_batches)
        return
    from openplatform.adapters.batch_queue_rabbitmq import open_rabbitmq_publisher
    from openplatform.adapters.rabbitmq_topology import CHARGES

    async with open_rabbitmq_publisher(url, CHARGES) as publisher:
        yield publisher


@asynccontextmanager
async def open_charge_consumer(url: str, embedded: Embedded | None) -> AsyncIterator[ChargeConsumer]:
    """Its other end."""
    if _is_memory_queue(url, embedded) and embedded is not None:
        from openplatform.adapters.batch_queue_memory import MemoryBatchConsumer

        yield MemoryBatchConsumer(embedded.charge_batches, embedded.dead_charges, turn=embedded.charge_turn)
        return
    from openplatform.adapters.batch_queue_rabbitmq import open_rabbitmq_consumer
    from openplatform.adapters.rabbitmq_topology import CHARGES

    async with open_rabbitmq_consumer(url, CHARGES) as consumer:
        yield consumer


@asynccontextmanager
async def open_log_store(url: str) -> AsyncIterator[CallLogStore]:
    """`http://host:9200`, `https://user:password@host:9200` (Elasticsearch) or `sqlite:///file` (`sqlite:////absolute/file`).

    Elasticsearch is not asked for anything yet. Raises SettingsError.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from openplatform.adapters.call_log_store_sqlite import open_sqlite_store

        path = url.removeprefix("sqlite:///")
        if path in (url, ""):
            raise SettingsError("PAILOU_ELASTICSEARCH_URL: sqlite:/// needs a file, e.g. sqlite:///var/call-logs.db")
        async with open_sqlite_store(Path(path)) as sqlite_store:
            yield sqlite_store
    elif scheme in LOG_STORE_SCHEMES:
        from openplatform.adapters.call_log_store_elasticsearch import open_elasticsearch_store

        async with open_elasticsearch_store(url) as elasticsearch_store:
            yield elasticsearch_store
    else:
        raise SettingsError(f"PAILOU_ELASTICSEARCH_URL: {scheme}:// is none of {', '.join(LOG_STORE_SCHEMES)}")


@asynccontextmanager
async def open_tracer(url: str, service: str, node: str) -> AsyncIterator[Tracer | None]:
    """What tells a collector of traces, `http://host:4318` or `https://…`; None when url is "". node: names the process."""
    if not url:
        yield None
        return
    from openplatform.adapters.tracer_otlp import open_otlp_tracer

    async with open_otlp_tracer(url, service, node) as tracer:
        yield tracer


def _is_memory_queue(url: str, embedded: Embedded | None) -> bool:
    scheme = urlsplit(url).scheme
    if scheme not in LOG_QUEUE_SCHEMES:
        raise SettingsError(f"PAILOU_RABBITMQ_URL: {scheme}:// is none of {', '.join(LOG_QUEUE_SCHEMES)}")
    if scheme == "memory" and embedded is None:
        raise SettingsError(
            "PAILOU_RABBITMQ_URL: memory:// works in `pailou dev` only, since its queue lives in one process"
        )
    return scheme == "memory"
