"""The route table as a whole: exported, changed in one step, refused when it was changed meanwhile; and `pailou routes` over it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from admin_api.tables.access import admin_audit_log
from tests.admin_world import Caller, World, refusal
from tests.serving import serving
from tests.shell import Shell, operator_environ

NEW = {"gateway_api_name": "open.new.get", "service_id": "s", "inside_api_url": "/new"}


async def test_a_change_of_the_table_is_one_step(world: World, admin: Caller) -> None:
    """APIs made, replaced whole and deleted with their grants; in force when the answer comes; each one audited."""
    kept, gone = await admin.new_mapping(timeout_ms=500, description="before"), await admin.new_mapping()
    app = await admin.new_app()
    await admin.post(f"/apps/{app['id']}/grants", {"mapping_ids": [kept["id"], gone["id"]]})
    before = await admin.shown("/mappings/table")
    assert [m["gateway_api_name"] for m in before["mappings"]] == sorted(m["gateway_api_name"] for m in (kept, gone))
    put = [NEW, {"gateway_api_name": kept["gateway_api_name"], "service_id": "s", "inside_api_url": "/kept"}]
    wanted = {"based_on": before["etag"], "put": put, "remove": [gone["gateway_api_name"]]}
    answer = await admin.post("/mappings/import", wanted)
    assert answer.headers["x-in-force"] == "true"
    done = answer.json()
    assert (done["made"], done["changed"], done["removed"]) == (
        ["open.new.get"], [kept["gateway_api_name"]], [gone["gateway_api_name"]],
    )  # fmt: skip
    catalogue = await world.catalogue()
    assert set(catalogue.routes) == {"open.new.get", kept["gateway_api_name"]}
    replaced = catalogue.routes[kept["gateway_api_name"]]
    assert replaced is not None and (replaced.timeout_ms, replaced.description) == (3000, "")
    granted = catalogue.apps[app["app_key"]]
    assert granted is not None and set(granted.grants) == {kept["gateway_api_name"]}
    now = await admin.shown("/mappings/table")
    assert now["etag"] == done["etag"] != before["etag"]
    audit = [row["action"] for row in await world.rows(admin_audit_log) if row["table_name"] == "app_mapping"]
    assert audit == ["create", "create", "create", "edit", "delete"]


async def test_a_table_that_changed_meanwhile_is_refused(world: World, admin: Caller) -> None:
    """By an edit, a new API or a deletion; then nothing of the import is done."""
    mapping = await admin.new_mapping()
    first = (await admin.shown("/mappings/table"))["etag"]
    await admin.patch(f"/mappings/{mapping['id']}", {"version": 1, "timeout_ms": 5})
    second = (await admin.shown("/mappings/table"))["etag"]
    other = await admin.new_mapping()
    third = (await admin.shown("/mappings/table"))["etag"]
    assert (await admin.delete(f"/mappings/{other['id']}")).status_code == 204
    for etag in (first, third, "0" * 64):
        assert refusal(await admin.post("/mappings/import", {"based_on": etag, "put": [NEW]})) == (409, "stale-table")
    assert (await admin.post("/mappings/import", {"based_on": second, "put": [NEW]})).status_code == 200
    assert "open.new.get" in (await world.catalogue()).routes


async def test_an_import_that_is_wrong_changes_nothing(world: World, admin: Caller) -> None:
    """The field is named; deleting needs the permission to delete; names stand once."""
    etag = (await admin.shown("/mappings/table"))["etag"]
    wrong = {"gateway_api_name": "open.b.get", "service_id": "s", "inside_api_url": "b"}
    answer = await admin.post("/mappings/import", {"based_on": etag, "put": [NEW, wrong]})
    assert refusal(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == "put.1.inside_api_url"
    assert refusal(await admin.post("/mappings/import", {"based_on": etag, "put": [NEW, NEW]})) == (422, "invalid")
    unknown = {"based_on": etag, "put": [NEW], "remove": ["open.none.get"]}
    assert refusal(await admin.post("/mappings/import", unknown)) == (422, "invalid")
    importer = await world.operator("gw:mapping:import")
    assert refusal(await importer.post("/mappings/import", unknown)) == (403, "forbidden")
    assert (await world.catalogue()).routes == {}
    assert (await importer.post("/mappings/import", {"based_on": etag, "put": [NEW]})).status_code == 200


@pytest.fixture
async def shell(world: World, tmp_path: Path) -> AsyncIterator[Shell]:
    operator = await world.operator("gw:mapping:import", "gw:mapping:export", "gw:mapping:remove")
    async with serving(world.app) as port:
        yield Shell(tmp_path, operator_environ(operator, port), "routes")


async def test_the_table_goes_to_a_file_and_comes_back(world: World, admin: Caller, shell: Shell) -> None:
    """Nothing differs after an export; an edited file shows what it changes, changes it, and then nothing differs again."""
    await admin.new_mapping(gateway_api_name="open.a.get", request_schema={"type": "object"}, description="一\n二")
    await admin.new_mapping(gateway_api_name="open.b.get", breaker={"permits": 1}, is_open=True)
    assert (await shell.pailou("export", "-o", "routes.yaml")).status == 0
    file = shell.folder / "routes.yaml"
    same = await shell.pailou("diff", "routes.yaml", "--prune", "--exit-code")
    assert (same.status, same.out, same.said.strip()) == (0, "", "No difference.")
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("is_open: true", "timeout_ms: 250").replace("open.a.get", "open.c.get"), encoding="utf-8"
    )
    shown = await shell.pailou("diff", "routes.yaml", "--exit-code")
    assert shown.status == 1 and "-is_open: true" in shown.out and "+timeout_ms: 250" in shown.out
    assert "kept without --prune: open.a.get" in shown.said
    assert (await shell.pailou("import", "routes.yaml", "--prune")).status == 2  # nobody to ask
    assert set((await world.catalogue()).routes) == {"open.a.get", "open.b.get"}
    done = await shell.pailou("import", "routes.yaml", "--prune", "--yes")
    assert done.status == 0 and "1 added, 1 changed, 1 removed" in done.said
    routes = (await world.catalogue()).routes
    assert {name: route and (route.timeout_ms, route.is_open) for name, route in routes.items()} == {
        "open.b.get": (250, False), "open.c.get": (3000, False),
    }  # fmt: skip
    assert (await shell.pailou("import", "routes.yaml", "--prune", "--yes")).said.strip() == "No difference."


async def test_what_is_wrong_is_said_with_its_place(shell: Shell) -> None:
    """In the file, with line and column; of the settings and of the permission, in words; the status says failed."""
    (shell.folder / "wrong.yaml").write_text(
        "apis:\n  open.a.get:\n    service_id: s\n    inside_api_url: a\n    x: 1\n"
    )
    for command in ("validate", "diff", "import"):
        wrong = await shell.pailou(command, "wrong.yaml")
        assert wrong.status == 1
        assert wrong.said.splitlines() == [
            "wrong.yaml:4:21: open.a.get: inside_api_url must be a path that starts with /: the host follows from service_id",
            "wrong.yaml:5:5: open.a.get: x is no field of an API",
        ]
    (shell.folder / "good.yaml").write_text("apis: {}\n")
    assert (await shell.pailou("validate", "good.yaml", PAILOU_ADMIN_URL="http://127.0.0.1:1")).status == 0
    unknown = await shell.pailou("diff", "good.yaml", PAILOU_ADMIN_TOKEN="none")
    assert unknown.status == 3 and "PAILOU_ADMIN_TOKEN" in unknown.said
    away = await shell.pailou("diff", "good.yaml", PAILOU_ADMIN_URL="http://127.0.0.1:1")
    assert away.status == 3 and "does not answer" in away.said
    assert (await shell.pailou("export", PAILOU_ADMIN_TOKEN="")).status == 78
    assert (await shell.pailou("diff", "none.yaml")).status == 2
