"""Operators, roles and menus: nobody rises above themselves, and somebody stays in charge."""

import asyncio

from admin_api.tables.access import admin_user, operator_session, role, role_menu
from tests.admin_world import Caller, World, refusal

ADMINISTRATOR, OPERATOR = 1, 2


async def role_named(caller: Caller, name: str, **fields: object) -> dict[str, object]:
    return await caller.made("/roles", name=name, **fields)


async def menu_with(caller: Caller, perms: str) -> int:
    """The id of the seeded menu that carries this permission."""
    return next(row["id"] for row in await caller.shown("/menus") if row["perms"] == perms)


async def test_a_role_grants_what_its_menus_carry_at_once_and_no_longer(world: World, admin: Caller) -> None:
    """Taking a menu from the role takes the right from the next request on."""
    apps = await menu_with(admin, "gw:app:list")
    clerk = await role_named(admin, "clerk", menu_ids=[apps])
    user = await admin.made("/users", email="clerk@pailou.example", real_name="文员", role_ids=[clerk["id"]])
    session = await (await world.caller()).post("/login", {"email": user["email"], "password": user["password"]})
    caller = await world.caller(Authorization=f"Bearer {session.json()['token']}")
    changed = await caller.put("/me/password", {"old_password": user["password"], "new_password": "my own password"})
    caller = await world.caller(Authorization=f"Bearer {changed.json()['token']}")
    assert (await caller.get("/apps")).status_code == 200
    menus = (await caller.shown("/me"))["menus"]
    assert [(m["name"], [child["url"] for child in m["children"]]) for m in menus] == [("网关管理", ["/apps"])]
    assert (await admin.patch(f"/roles/{clerk['id']}", {"version": 1, "menu_ids": []})).status_code == 200
    answer = await caller.get("/apps")
    assert refusal(answer) == (403, "forbidden")
    assert answer.json()["missing"] == "gw:app:list"


async def test_a_disabled_role_grants_nothing(world: World, admin: Caller) -> None:
    """Its users keep it and their sessions, without its rights."""
    operator = await world.operator("gw:app:list")
    own = max(row["id"] for row in await world.rows(role))
    assert (await operator.get("/apps")).status_code == 200
    assert (await admin.patch(f"/roles/{own}", {"version": 1, "status": 0})).status_code == 200
    assert refusal(await operator.get("/apps")) == (403, "forbidden")


async def test_a_wildcard_covers_its_part_of_the_tree_only(world: World) -> None:
    """gw:app:* allows everything of gw:app and nothing of gw:token."""
    operator = await world.operator("gw:app:*")
    for path, status in (("/apps", 200), ("/tokens", 403), ("/customers", 403), ("/users", 403)):
        assert (await operator.get(path)).status_code == status


async def test_nobody_hands_out_what_they_do_not_hold(world: World, admin: Caller) -> None:
    """Neither by a role with wider menus, nor by giving somebody a wider role, nor by widening a menu."""
    manager = await world.operator("sys:user:*", "sys:role:*", "sys:menu:*", "gw:app:list")
    tokens, apps = await menu_with(admin, "gw:token:list"), await menu_with(admin, "gw:app:list")
    assert refusal(await manager.post("/roles", {"name": "wide", "menu_ids": [tokens]})) == (403, "wider-than-yours")
    fitting = await role_named(manager, "fitting", menu_ids=[apps])
    edit = {"version": 1, "menu_ids": [apps, tokens]}
    assert refusal(await manager.patch(f"/roles/{fitting['id']}", edit)) == (403, "wider-than-yours")
    draft = {"email": "x@pailou.example", "real_name": "x", "role_ids": [ADMINISTRATOR]}
    assert refusal(await manager.post("/users", draft)) == (403, "wider-than-yours")
    assert refusal(await manager.post("/users", draft | {"role_ids": [OPERATOR]})) == (403, "wider-than-yours")
    assert (await manager.post("/users", draft | {"role_ids": [fitting["id"]]})).status_code == 201
    own = {"version": 1, "role_ids": [ADMINISTRATOR]}
    assert refusal(await manager.patch(f"/users/{manager.user_id}", own)) == (403, "wider-than-yours")
    widened = {"version": 1, "perms": "gw:token:list"}
    assert refusal(await manager.patch(f"/menus/{apps}", widened)) == (403, "wider-than-yours")
    assert refusal(await manager.patch(f"/menus/{tokens}", {"version": 1, "perms": "gw:app:list"}))[0] == 403


async def test_a_role_that_was_off_is_switched_on_only_by_who_holds_its_rights(world: World, admin: Caller) -> None:
    """Else a disabled wide role in one's own hands would be a way up."""
    manager = await world.operator("sys:role:edit")
    tokens = await menu_with(admin, "gw:token:list")
    wide = await role_named(admin, "wide", status=0, menu_ids=[tokens])
    assert (await manager.patch(f"/roles/{wide['id']}", {"version": 1, "remark": "x"})).status_code == 200
    answer = await manager.patch(f"/roles/{wide['id']}", {"version": 2, "status": 1})
    assert refusal(answer) == (403, "wider-than-yours")


async def test_nobody_touches_who_stands_above_them(world: World, admin: Caller) -> None:
    """Who could reset an administrator's password would be one."""
    manager = await world.operator("sys:user:*")
    path = f"/users/{admin.user_id}"
    answers = [
        await manager.patch(path, {"version": 1, "status": 0}),
        await manager.post(f"{path}/password"),
        await manager.post(f"{path}/logout"),
        await manager.delete(path),
    ]
    assert {refusal(answer) for answer in answers} == {(403, "above-you")}
    assert (await admin.get("/me")).status_code == 200


async def test_the_last_administrator_stays(world: World, admin: Caller) -> None:
    """Not deleted, not disabled, not demoted, not even by another manager; with a second one all of that works."""
    second = await world.administrator()
    assert refusal(await admin.delete(f"/users/{admin.user_id}")) == (409, "own-account")
    assert refusal(await admin.patch(f"/users/{admin.user_id}", {"version": 1, "status": 0})) == (409, "own-account")
    assert (await admin.patch(f"/users/{second.user_id}", {"version": 1, "status": 0})).status_code == 200
    demoted = {"version": 1, "role_ids": [OPERATOR]}
    assert refusal(await admin.patch(f"/users/{admin.user_id}", demoted)) == (409, "last-administrator")
    assert (await admin.patch(f"/users/{second.user_id}", {"version": 2, "status": 1})).status_code == 200
    assert (await admin.patch(f"/users/{admin.user_id}", demoted)).status_code == 200


async def test_two_administrators_cannot_remove_each_other(world: World) -> None:
    """At the same time either: one of the two deletions is refused."""
    first, second = await world.administrator(), await world.administrator()
    answers = await asyncio.gather(
        first.delete(f"/users/{second.user_id}"), second.delete(f"/users/{first.user_id}"), return_exceptions=False
    )
    assert sorted(a.status_code for a in answers)[0] == 204
    assert sorted(a.status_code for a in answers)[1] in (401, 403, 409)
    left = {row["id"] for row in await world.rows(admin_user)}
    assert len(left & {first.user_id, second.user_id}) == 1


async def test_disabling_and_demoting_end_the_users_sessions(world: World, admin: Caller) -> None:
    """As does a new password from above, and being signed out."""
    changes = {
        "disabled": lambda user_id: admin.patch(f"/users/{user_id}", {"version": 1, "status": 0}),
        "demoted": lambda user_id: admin.patch(f"/users/{user_id}", {"version": 1, "role_ids": []}),
        "new password": lambda user_id: admin.post(f"/users/{user_id}/password"),
        "signed out": lambda user_id: admin.post(f"/users/{user_id}/logout"),
    }
    for name, change in changes.items():
        operator = await world.operator("gw:app:list")
        assert (await change(operator.user_id)).status_code == 200, name
        assert refusal(await operator.get("/me")) == (401, "unauthenticated"), name
    assert {row["user_id"] for row in await world.rows(operator_session)} == {admin.user_id}


async def test_users_are_listed_filtered_changed_and_deleted(world: World, admin: Caller) -> None:
    """The password is shown once when it was made up, never otherwise."""
    made = await admin.made("/users", email="li@pailou.example", real_name="李雷", role_ids=[OPERATOR, 3])
    assert len(made["password"]) == 16
    given = await admin.made("/users", email="han@pailou.example", real_name="韩梅梅", password="a given password")
    assert given["password"] is None
    listed = await admin.shown("/users", q="李", sort="-id")
    assert [(u["email"], u["role_ids"], u["last_login"]) for u in listed["items"]] == [
        ("li@pailou.example", [2, 3], None)
    ]
    assert "password" not in listed["items"][0]
    path = f"/users/{made['id']}"
    edited = await admin.patch(path, {"version": 1, "real_name": "李磊", "role_ids": [3]})
    assert (edited.json()["real_name"], edited.json()["role_ids"], edited.json()["version"]) == ("李磊", [3], 2)
    assert refusal(await admin.post("/users", {"email": "LI@pailou.example", "real_name": "x"})) == (409, "taken")
    assert (await admin.delete(path)).status_code == 204
    assert refusal(await admin.get(path)) == (404, "not-found")
    history = await admin.shown("/audit", table_name="admin_user", row_id=str(made["id"]))
    assert [row["action"] for row in history["items"]] == ["delete", "edit", "create"]
    assert history["items"][1]["before"]["role_ids"] == [2, 3]


async def test_roles_are_listed_and_the_built_in_one_stands(world: World, admin: Caller) -> None:
    """A role in use is not deleted, nor is the administrator's changed in any way."""
    roles = await admin.shown("/roles")
    assert [(r["name"], r["built_in"]) for r in roles["items"][:3]] == [
        ("administrator", True),
        ("operator", False),
        ("read-only", False),
    ]
    assert 11 in (await admin.shown(f"/roles/{OPERATOR}"))["menu_ids"]
    for answer in (
        await admin.patch(f"/roles/{ADMINISTRATOR}", {"version": 1, "status": 0}),
        await admin.delete(f"/roles/{ADMINISTRATOR}"),
    ):
        assert refusal(answer) == (409, "built-in-role")
    await admin.made("/users", email="li@pailou.example", real_name="李雷", role_ids=[OPERATOR])
    assert refusal(await admin.delete(f"/roles/{OPERATOR}")) == (409, "in-use")
    free = await role_named(admin, "free", menu_ids=[11, 111])
    assert refusal(await admin.post("/roles", {"name": "free"})) == (409, "taken")
    assert (await admin.delete(f"/roles/{free['id']}")).status_code == 204
    assert free["id"] not in {row["role_id"] for row in await world.rows(role_menu)}
    assert refusal(await admin.post("/roles", {"name": "x", "menu_ids": [99999]})) == (422, "invalid")


async def test_entries_are_ordered_among_those_of_one_parent(world: World, admin: Caller) -> None:
    """A new entry comes last; up and down go one step and stop at the ends; before and after lead to any place beside another one of
    the same parent, and to none beside a stranger."""
    top = await admin.made("/menus", name="顶层", type=0)
    made = [await admin.made("/menus", name=name, type=0, parent_id=top["id"]) for name in "abc"]

    async def after(menu_id: int, to: str, **other: int) -> str:
        assert (await admin.post(f"/menus/{menu_id}/move", {"to": to, **other})).status_code == 200
        return "".join(row["name"] for row in await admin.shown("/menus") if row["parent_id"] == top["id"])

    ids = {row["name"]: row["id"] for row in made}
    assert [await after(ids[name], to) for name, to in (("c", "up"), ("c", "up"), ("c", "up"), ("c", "down"))] == [
        "acb", "cab", "cab", "acb",
    ]  # fmt: skip
    same = await admin.patch(f"/menus/{ids['b']}", {"version": 2, "order_num": 1})
    assert same.status_code == 200, same.text
    assert await after(ids["b"], "up") == "bac"
    assert (await admin.post("/menus/999999/move", {"to": "up"})).status_code == 404
    dragged = [
        ("b", "after", "c"),
        ("b", "before", "a"),
        ("c", "before", "a"),
        ("a", "after", "c"),
        ("a", "after", "a"),
    ]
    assert [await after(ids[name], to, other=ids[other]) for name, to, other in dragged] == [
        "acb", "bac", "bca", "bca", "bca",
    ]  # fmt: skip
    place = f"/menus/{ids['a']}/move"
    for stranger in (top["id"], 1, 999999):
        assert refusal(await admin.post(place, {"to": "before", "other": stranger})) == (409, "other-parent")
    for wrong in ({"to": "before"}, {"to": "up", "other": ids["b"]}):
        assert refusal(await admin.post(place, wrong)) == (422, "invalid")


async def test_menus_form_a_tree_without_loops(world: World, admin: Caller) -> None:
    """Not below itself, not below its own child, not below a button, and not away from under its children."""
    top = await admin.made("/menus", name="顶层", type=0)
    middle = await admin.made("/menus", name="中层", type=0, parent_id=top["id"])
    leaf = await admin.made("/menus", name="页面", type=1, parent_id=middle["id"], url="/leaf", perms="x:leaf:list")
    button = await admin.made("/menus", name="按钮", type=2, parent_id=leaf["id"], perms="x:leaf:edit")
    for parent in (top["id"], middle["id"]):
        answer = await admin.patch(f"/menus/{top['id']}", {"version": 1, "parent_id": parent})
        assert refusal(answer) == (409, "menu-loop")
    for menu_id, parent in (
        (leaf["id"], button["id"]),
        (leaf["id"], 99999),
        (button["id"], 0),
        (button["id"], top["id"]),
    ):
        answer = await admin.patch(f"/menus/{menu_id}", {"version": 1, "parent_id": parent})
        assert refusal(answer) == (422, "invalid"), (menu_id, parent)
    assert refusal(await admin.delete(f"/menus/{middle['id']}")) == (409, "in-use")
    holder = await role_named(admin, "holder", menu_ids=[button["id"]])
    assert (await admin.delete(f"/menus/{button['id']}")).status_code == 204
    assert (await admin.shown(f"/roles/{holder['id']}"))["menu_ids"] == []
    moved = await admin.patch(f"/menus/{leaf['id']}", {"version": 1, "parent_id": top["id"], "order_num": 9})
    assert (moved.json()["parent_id"], moved.json()["version"]) == (top["id"], 2)


NO_MENUS: list[dict[str, object]] = [
    {"perms": "*:*:*"}, {"perms": "gw:.*"}, {"perms": "gw app"}, {"perms": "gw:*:edit"}, {"url": "//evil.example"},
    {"url": "javascript:alert(1)"}, {"url": ""}, {"icon": "<svg>"}, {"type": 3}, {"type": 2}, {"parent_id": 77777}, {"name": " "},
]  # fmt: skip


async def test_a_menu_that_makes_no_sense_is_refused(world: World, admin: Caller) -> None:
    """Nobody can be granted everything, nor can a menu lead to another host."""
    menu = {"name": "x", "type": 1, "parent_id": 4, "url": "/x", "perms": "x:y:z"}
    for fields in NO_MENUS:
        assert refusal(await admin.post("/menus", menu | fields)) == (422, "invalid"), fields
