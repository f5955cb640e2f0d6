"""The servers of the test run are real: each does one piece of its work."""

import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aio_pika
import aiosmtplib
import pytest
import redis.asyncio
from elasticsearch import AsyncElasticsearch
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import Redis, SmtpServer
from tests.servers.pool import S
from tests.servers.process import port_is_open

ROOT = Path(__file__).parents[2]


async def test_mariadb_keeps_what_was_committed_in_a_database_of_the_tests_own(
    fresh_database: Callable[[str], str],
) -> None:
    """Each call makes another empty database that stores Chinese and emoji."""
    first, second = fresh_database("servers"), fresh_database("servers")
    assert first != second
    engine = create_async_engine(first)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (name VARCHAR(20) PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO t VALUES ('牌楼🏯')"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT name FROM t"))).scalar_one() == "牌楼🏯"
        assert "STRICT_TRANS_TABLES" in (await connection.execute(text("SELECT @@sql_mode"))).scalar_one()
    await engine.dispose()


async def test_redis_runs_scripts_on_an_empty_database(clean_redis_url: str) -> None:
    """The database is empty, and Lua inside it knows the time."""
    async with redis.asyncio.from_url(clean_redis_url, decode_responses=True) as client:
        assert await client.dbsize() == 0
        assert int(await client.eval("return redis.call('TIME')[1]", 0)) > 0
        await client.set("left over", "1")


async def test_rabbitmq_confirms_to_a_quorum_queue(rabbitmq_url: str) -> None:
    """A message published to a quorum queue is confirmed and comes back."""
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("q", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"record"), routing_key="q")
        message = await queue.get(timeout=10)
        assert message.body == b"record"
        await message.ack()


async def test_each_test_has_a_rabbitmq_virtual_host_of_its_own(rabbitmq_url: str) -> None:
    """The queue of the test before is not there."""
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
            await channel.declare_queue("q", passive=True)


async def test_elasticsearch_finds_a_chinese_phrase(clean_elasticsearch_url: str) -> None:
    """What was indexed is found by a phrase of it."""
    async with AsyncElasticsearch(clean_elasticsearch_url, request_timeout=60) as client:
        assert await client.indices.get(index="*") == {}
        await client.index(index="t", document={"message": "订单已经发货"}, refresh=True)
        found = await client.search(index="t", query={"match_phrase": {"message": "发货"}})
        assert found["hits"]["total"]["value"] == 1


async def test_mail_is_taken_only_over_tls_from_a_user_who_logged_in(smtp_server: SmtpServer) -> None:
    """STARTTLS, login, one mail; without a login it is refused, and so is the recipient told to be refused."""
    url = urlsplit(smtp_server.url)
    tls = ssl.create_default_context(cafile=str(smtp_server.certificate))
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@pailou.example", "b@pailou.example", "告警"
    mail.set_content("内容")
    where = {"hostname": url.hostname, "port": url.port, "start_tls": True, "tls_context": tls}
    with pytest.raises(aiosmtplib.SMTPException):
        await aiosmtplib.send(mail, **where)
    login = {"username": unquote(url.username or ""), "password": unquote(url.password or "")}
    await aiosmtplib.send(mail, **where, **login)
    (received,) = await asyncio.to_thread(smtp_server.wait_for, 1)
    assert received.over_tls
    assert received.message["Subject"] == "告警"
    smtp_server.refused["b@pailou.example"] = "550 no such user"
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await aiosmtplib.send(mail, **where, **login)


def test_a_server_of_ones_own_can_be_paused_killed_and_started_again(own_server: Callable[[type[S]], S]) -> None:
    """Faults are caused by signals to real processes; the port stays the same."""
    server = own_server(Redis)
    server.pause()
    server.resume()
    assert server.answers()
    server.kill()
    with pytest.raises(OSError):
        server.answers()
    server.start()
    assert server.answers()


def test_a_run_that_is_killed_leaves_no_server_and_no_folder_behind() -> None:
    """SIGKILL runs no finalizer; the keeper, a process of its own, still ends the servers and removes their folder."""
    script = (
        "import time\n"
        "from tests.servers.pool import ServerPool\n"
        "from tests.servers.redis import Redis\n"
        "pool = ServerPool()\n"
        "server = pool.make(Redis)\n"
        "server.start()\n"
        "print(server.port, server.pid, pool.folder, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        port, pid, folder = run.stdout.readline().split()
        assert port_is_open(int(port))
        run.kill()
    for _ in range(2400):
        if not Path(f"/proc/{pid}").exists() and not Path(folder).exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"after two minutes there is still the server {pid} or its folder {folder}")
