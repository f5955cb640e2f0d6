"""Dead letters for operators: over the admin API with its permissions and its audit, and as `pailou dlq`."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from admin_api.tables.access import admin_audit_log
from log_indexer.app import create_app as create_indexer
from log_indexer.app import open_resources as open_indexer
from openplatform.adapters.embedded import Embedded
from openplatform.records import DeadLetter
from tests.admin_world import World, refusal
from tests.integration.admin_api.indexing import asking, indexer_settings
from tests.serving import serving
from tests.shell import Shell, operator_environ

STRICT = [f'{{"n":{n}}}'.encode() for n in range(250)]


@pytest.fixture
def embedded() -> Embedded:
    """250 letters that a mapping refused, and one that is nothing."""
    parts = Embedded()
    letters = [DeadLetter.of(body, "strict_dynamic_mapping_exception: tenant", 1000) for body in STRICT]
    parts.dead_letters.extend([*letters, DeadLetter.of(b"poison [red] \xff", "undecodable: no JSON", 2000)])
    return parts


@pytest.fixture
async def real(world: World, tmp_path: Path, embedded: Embedded) -> AsyncIterator[World]:
    """admin_api in front of an indexer that does not index, so that what is sent again can be counted."""
    settings = indexer_settings(tmp_path)
    async with (
        open_indexer(settings, embedded) as resources,
        asking(world, create_indexer(resources, settings)) as opened,
    ):
        yield opened


async def test_operators_look_and_send_again(real: World, embedded: Embedded) -> None:
    """Listed and shown to those who may look, sent again by those who may do that, which is audited."""
    viewer, replayer = await real.operator("sys:health:view"), await real.operator("sys:health:replay")
    page = await viewer.shown("/dead-letters", reason="undecodable")
    assert (page["total"], page["looked_at"], [letter["preview"] for letter in page["letters"]]) == (
        251, 251, ["poison [red] \\xff"],
    )  # fmt: skip
    shown = await viewer.shown(f"/dead-letters/{page['letters'][0]['id']}")
    assert shown["text"] == "poison [red] \\xff"
    assert refusal(await viewer.get("/dead-letters/0123456789abcdef")) == (404, "not-found")
    assert refusal(await viewer.get("/dead-letters", limit=1001)) == (422, "invalid")
    assert refusal(await viewer.post("/dead-letters/replay", {})) == (403, "forbidden")
    answer = await replayer.post("/dead-letters/replay", {"reason": "strict", "limit": 3})
    assert answer.json() == {"replayed": 3}
    assert [embedded.log_batches.get_nowait()[0] for _ in range(3)] == STRICT[:3]
    (audit,) = [row for row in await real.rows(admin_audit_log) if row["table_name"] == "dead_letter"]
    assert json.loads(audit["after"]) == {"reason": "strict", "limit": 3, "replayed": 3}


async def test_without_the_indexer_the_answer_says_so(world: World) -> None:
    """503 with a code of its own, not an error of admin_api."""
    viewer = await world.operator("sys:health:view")
    assert refusal(await viewer.get("/dead-letters")) == (503, "dead-letters-unavailable")


async def test_the_command_lists_shows_and_sends_again(real: World, embedded: Embedded, tmp_path: Path) -> None:
    """For people and as JSON; nothing is sent with --dry-run or while there is nobody to ask; errors end with their status."""
    operator = await real.operator("sys:health:view", "sys:health:replay")
    async with serving(real.app) as port:
        shell = Shell(tmp_path, operator_environ(operator, port), "dlq")
        listed = await shell.pailou("list", "--reason", "UNDECODABLE")
        assert listed.status == 0 and "poison [red] \\xff" in listed.out and "undecodable: no JSON" in listed.out
        assert "1 with 'UNDECODABLE' in the reason, of 251 dead letters." in listed.said
        letters = json.loads((await shell.pailou("list", "--json", "--limit", "2")).out)["letters"]
        shown = await shell.pailou("show", letters[1]["id"])
        assert (shown.status, shown.out.strip()) == (0, STRICT[1].decode())
        assert "strict_dynamic_mapping_exception" in shown.said
        assert (await shell.pailou("show", "0123456789abcdef")).status == 3
        assert (await shell.pailou("replay")).status == 2
        assert (await shell.pailou("replay", "--all")).status == 2  # nobody to ask
        dry = await shell.pailou("replay", "--reason", "strict", "--dry-run")
        assert dry.status == 0 and "250 of 251 dead letters are meant" in dry.said
        assert embedded.log_batches.empty()
        done = await shell.pailou("replay", "--reason", "strict", "--yes", "--json")
        assert json.loads(done.out) == {"meant": 250, "replayed": 250, "dry_run": False}
        assert embedded.log_batches.qsize() == 250
        one = await shell.pailou(
            "replay", json.loads((await shell.pailou("list", "--json")).out)["letters"][0]["id"], "-y"
        )
        assert one.status == 0 and "1 sent again" in one.said
        assert "No dead letters" in (await shell.pailou("list")).said
        assert (await shell.pailou("list", PAILOU_ADMIN_URL="http://127.0.0.1:1")).status == 3


async def test_the_console_shows_them_and_sends_again(real: World, embedded: Embedded) -> None:
    """The health screen's part: escaped texts, one letter as a drawer, buttons for those who may; a refusal elsewhere is the page's."""
    embedded.dead_letters.append(DeadLetter.of(b"<script>alert(1)</script>", "undecodable: <b>", 3000))
    viewer = await real.operator("sys:health:view")
    replayer = await real.operator("sys:health:view", "sys:health:replay")
    part = (await viewer.http.get("/sys/health/dead-letters", params={"reason": "<b>"})).text
    assert "&lt;script&gt;alert(1)" in part and "undecodable: &lt;b&gt;" in part and "<script>" not in part
    assert "replay" not in part
    page = await viewer.shown("/dead-letters", reason="<b>")
    drawer = (await viewer.http.get(f"/sys/health/dead-letters/{page['letters'][0]['id']}")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in drawer
    form = {"reason": "strict", "shown": "strict"}
    assert (await viewer.http.post("/sys/health/dead-letters/replay", data=form)).status_code == 403
    done = await replayer.http.post("/sys/health/dead-letters/replay", data=form)
    assert done.status_code == 200 and "toast" in done.headers["hx-trigger"], done.text
    assert embedded.log_batches.qsize() == 250
    one = {"ids": page["letters"][0]["id"], "shown": ""}
    assert "poison" in (await replayer.http.post("/sys/health/dead-letters/replay", data=one)).text
    assert embedded.log_batches.qsize() == 251
    assert "log-indexer" in (await viewer.http.get("/sys/health/now")).text
