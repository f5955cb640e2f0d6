"""Many rows at once: chosen by ids or by a filter, changed in one transaction, told one by one."""

from datetime import UTC, datetime, timedelta

from admin_api.tables.access import admin_audit_log
from tests.admin_world import Caller, World, refusal

FROM_PAGE = {"HX-Request": "true", "Accept-Language": "en"}
SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()


async def audited(world: World, action: str, table: str) -> list[str]:
    """Ids of the rows that the audit log says were changed so, sorted."""
    return sorted(
        row["row_id"]
        for row in await world.rows(admin_audit_log)
        if (row["action"], row["table_name"]) == (action, table)
    )


async def test_many_apps_are_switched_at_once_with_a_word_on_each(world: World, admin: Caller) -> None:
    """Changed, unchanged and failed ids are named; each change is in the catalogue, the audit log, and the row's version."""
    apps = [await admin.new_app() for _ in range(3)]
    first, second, third = (app["id"] for app in apps)
    assert (await admin.patch(f"/apps/{third}", {"version": 1, "state": 0})).status_code == 200
    answer = await admin.post("/apps/state", {"ids": [second, first, third, 987654, first], "state": 0})
    told = answer.json()
    assert (told["changed"], told["unchanged"]) == ([first, second], [third])
    assert [(f["id"], f["code"]) for f in told["failures"]] == [(987654, "not-found")]
    assert told["failures"][0]["detail_zh"]
    assert answer.headers["x-in-force"] == "true"
    known = (await world.catalogue()).apps
    assert [known[app["app_key"]].enabled for app in apps] == [False] * 3  # type: ignore[union-attr]
    assert await audited(world, "edit", "app_info") == sorted(map(str, (first, second, third)))
    assert [(await admin.shown(f"/apps/{n}"))["version"] for n in (first, second, third)] == [2, 2, 2]
    assert refusal(await admin.patch(f"/apps/{first}", {"version": 1, "state": 1})) == (409, "stale-version")


async def test_rows_are_chosen_by_a_filter_as_the_list_shows_them(world: World, admin: Caller) -> None:
    """All that match and no others; another number than the operator saw changes nothing."""
    owner = await admin.new_customer()
    mine = [(await admin.new_app(cus_id=owner["id"]))["id"] for _ in range(3)]
    other = await admin.new_app()
    wanted = {"filter": {"cus_id": owner["id"], "state": 1}, "state": 0}
    refused = await admin.post("/apps/state", wanted | {"expected": 2})
    assert refusal(refused) == (409, "selection-changed")
    assert refused.json()["found"] == 3
    assert (await admin.post("/apps/state", wanted | {"expected": 3})).json()["changed"] == mine
    assert (await admin.shown(f"/apps/{other['id']}"))["state"] == 1
    made = [await admin.new_mapping(service_id="closing-service") for _ in range(2)]
    switched = await admin.post("/mappings/state", {"filter": {"service_id": "closing-service"}, "state": 0})
    assert switched.json()["changed"] == [m["id"] for m in made]
    assert await audited(world, "edit", "app_mapping") == sorted(str(m["id"]) for m in made)


async def test_a_page_changes_all_that_match_only_as_many_as_it_showed(world: World, admin: Caller) -> None:
    """Rows that came after the operator looked are not changed with the others: the page says how many there are now."""
    made = [await admin.new_mapping(service_id="page-service") for _ in range(3)]
    form = {"match": "1", "here": "/mappings?q=page-service", "state": "0"}

    async def send(shown_total: int) -> tuple[int, str]:
        answer = await admin.http.post(
            "/mappings/state", data=form | {"shown_total": str(shown_total)}, headers=FROM_PAGE
        )
        return answer.status_code, answer.text

    status, words = await send(2)
    assert status == 409 and "the filter finds 3 rows now, not 2" in words
    assert [(await admin.shown(f"/mappings/{row['id']}"))["state"] for row in made] == [1, 1, 1]
    assert (await send(3))[0] == 200
    assert [(await admin.shown(f"/mappings/{row['id']}"))["state"] for row in made] == [0, 0, 0]


async def test_tokens_are_revoked_by_selection_and_by_filter(world: World, admin: Caller) -> None:
    """Revoked ones stay as they are; gateways forget each."""
    app = await admin.new_app()
    tokens = [await admin.made("/tokens", app_id=app["id"], user_id=n, expire_time=SOON) for n in (1, 2, 3)]
    ids = [token["id"] for token in tokens]
    told = (await admin.post("/tokens/revoke", {"ids": [ids[0], 424242]})).json()
    assert (told["changed"], [f["id"] for f in told["failures"]]) == ([ids[0]], [424242])
    told = (await admin.post("/tokens/revoke", {"filter": {"app_key": app["app_key"]}})).json()
    assert (told["changed"], told["unchanged"]) == (ids[1:], ids[:1])
    assert {t["state"] for t in (await admin.shown("/tokens", app_id=app["id"]))["items"]} == {"revoked"}
    assert await audited(world, "revoke", "user_token") == sorted(map(str, ids))


async def test_a_selection_that_is_none_is_refused(world: World, admin: Caller) -> None:
    """Neither or both ways, nothing, too many, unknown conditions: 422 and nothing is changed."""
    for selection in (
        {}, {"ids": []}, {"ids": [1], "filter": {}}, {"ids": None}, {"filter": {"color": 1}}, {"ids": list(range(1, 1002))},
        {"ids": ["1"]}, {"ids": [0]}, {"filter": {"state": 2}}, {"filter": {}, "expected": -1},
    ):  # fmt: skip
        assert refusal(await admin.post("/apps/state", {"state": 0, **selection})) == (422, "invalid"), selection
        assert refusal(await admin.post("/tokens/revoke", selection)) == (422, "invalid"), selection
    assert await world.rows(admin_audit_log) == []
