"""Operators, roles, menus and what is recorded of them, as an administrator works with them."""

import hashlib
import re

from playwright.sync_api import Browser, expect

from tests.browser.operator import Platform, Reader

UNIQUE = iter(range(1, 1000))


def new_role(platform: Platform, *perms: str) -> dict[str, object]:
    """A role with the menus that carry these permissions."""
    menus = {row["perms"]: row["id"] for row in platform.ask("GET", "/menus") if row["perms"]}
    return platform.ask("POST", "/roles", json={"name": f"role-{next(UNIQUE)}", "menu_ids": [menus[p] for p in perms]})


def test_role_tree_tristate(reader: Reader, platform: Platform) -> None:
    """Parents and children are ticked together, a parent that is not whole shows a dash, and what is saved is what is ticked."""
    role = new_role(platform)
    page = reader.go(f"/sys/roles/{role['id']}")
    box = page.locator("label", has=page.get_by_text("gw:token:list", exact=True)).locator("input")
    button = page.locator("label", has=page.get_by_text("gw:token:revoke", exact=True)).locator("input")
    top = (
        page.locator("[data-tree] > ul > li", has=page.get_by_text("gw:token:list", exact=True)).locator("input").first
    )
    button.check()
    expect(box).to_be_checked()
    expect(box).to_have_js_property("indeterminate", True)
    expect(top).to_have_js_property("indeterminate", True)
    box.click()  # from the dash: everything below goes
    expect(button).not_to_be_checked()
    box.check()
    expect(button).to_be_checked()
    expect(box).to_have_js_property("indeterminate", False)
    page.locator("[data-tree-linked]").uncheck()
    button.uncheck()
    expect(box).to_be_checked()
    expect(box).to_have_js_property("indeterminate", True)
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".toast-line")).to_contain_text("已保存")
    menus = {row["id"]: row["perms"] for row in platform.ask("GET", "/menus")}
    granted = {menus[menu] for menu in platform.ask("GET", f"/roles/{role['id']}")["menu_ids"]}
    assert granted == {"gw:token:list", "gw:token:query", "gw:token:add", "gw:token:export", ""}
    reader.settled()
    expect(
        page.locator("label", has=page.get_by_text("gw:token:list", exact=True)).locator("input")
    ).to_have_js_property("indeterminate", True)


def test_button_hidden_and_route_403(browser: Browser, platform: Platform) -> None:
    """Who may only list users sees no button to add one, and the address behind it names the permission that is missing."""
    role = new_role(platform, "sys:user:list")
    email, password = platform.new_operator(str(role["name"]))
    with Reader(browser, platform) as reader:
        reader.expected += ["403"]
        reader.sign_in(email, password, leads_to="/me/password")
        page = reader.page
        for field, value in (
            ("old_password", password),
            ("new_password", "a better password"),
            ("repeated", "a better password"),
        ):
            page.fill(f"input[name={field}]", value)
        page.get_by_role("button", name="修改密码").click()
        page.wait_for_url(re.compile(r"/(sys/users)?$"))
        page = reader.go("/sys/users")
        expect(page.locator("table")).to_be_visible()
        expect(page.get_by_role("link", name="新增用户")).to_have_count(0)
        page.goto("/sys/users/new")
        expect(page.locator("main")).to_contain_text("sys:user:add")
        page.goto("/sys/roles")
        expect(page.locator("main")).to_contain_text("sys:role:list")


def test_last_admin_guard(reader: Reader, platform: Platform) -> None:
    """The last administrator cannot lose the role nor be disabled: the page says why, and what was typed stays."""
    reader.expected += ["409"]
    me = platform.ask("GET", "/me")["id"]
    page = reader.go(f"/sys/users/{me}")
    page.locator("label", has_text="administrator").locator("input[name=role_ids]").uncheck()
    page.fill("input[name=real_name]", "仍在")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("必须保留至少一名启用的管理员")
    expect(page.locator("input[name=real_name]")).to_have_value("仍在")
    page.locator("label", has_text="administrator").locator("input[name=role_ids]").check()
    page.select_option("select[name=status]", "0")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("不能停用自己的账号")
    assert platform.ask("GET", f"/users/{me}")["status"] == 1


def test_menu_parent_loop_refused(reader: Reader, platform: Platform) -> None:
    """An entry that somebody moved below this one meanwhile cannot become its parent."""
    reader.expected += ["409"]
    upper, lower = [platform.ask("POST", "/menus", json={"name": f"loop{n}", "type": 0}) for n in (1, 2)]
    page = reader.go(f"/sys/menus/{upper['id']}")
    platform.ask("PATCH", f"/menus/{lower['id']}", json={"version": 1, "parent_id": upper["id"]})
    page.select_option("select[name=parent_id]", str(lower["id"]))
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("菜单不能成为自己的下级")
    for entry in (lower, upper):
        platform.ask("DELETE", f"/menus/{entry['id']}")


def test_menu_icon_and_order(reader: Reader, platform: Platform) -> None:
    """An icon is found by part of its name and chosen by keys; an entry moves by its buttons, and the focus with it; it is dragged
    among those of its parent, and nowhere else."""
    above = platform.ask("POST", "/menus", json={"name": "above", "type": 0})
    first, second = [
        platform.ask("POST", "/menus", json={"name": f"order{n}", "type": 0, "parent_id": above["id"]}) for n in (1, 2)
    ]
    page = reader.go(f"/sys/menus/{first['id']}")
    page.fill("#menu-icon-filter", "truck")
    expect(page.locator(".icon-choice label:visible")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url(re.compile("/sys/menus$"))
    expect(page.locator("tr", has_text="order1").locator("use").first).to_have_attribute("href", re.compile("#truck$"))
    assert platform.ask("GET", f"/menus/{first['id']}")["icon"] == "truck"

    moving = page.get_by_role("button", name="上移: order2")
    moving.focus()
    page.keyboard.press("Enter")
    expect(page.locator("tr", has_text=re.compile("order[12]")).first).to_contain_text("order2")
    expect(moving).to_be_focused()

    rows = page.locator("tr", has_text=re.compile("order[12]"))
    rows.first.locator("[data-grip]").drag_to(rows.last, target_position={"x": 60, "y": 30})
    expect(rows.first).to_contain_text("order1")
    reader.expected.append("409")
    rows.first.locator("[data-grip]").drag_to(page.locator("tr", has_text="above").first)
    expect(page.locator("#notice")).to_contain_text("只能在同一上级内排序")
    expect(rows.first).to_contain_text("order1")
    for entry in (first, second, above):
        platform.ask("DELETE", f"/menus/{entry['id']}")


def test_audit_before_after(reader: Reader, platform: Platform) -> None:
    """A change is found by its row, with both values; a script in a name stays text."""
    role = new_role(platform)
    hard = "<img src=x onerror=alert(1)>"
    platform.ask("PATCH", f"/roles/{role['id']}", json={"version": 1, "remark": hard})
    page = reader.go(f"/sys/roles/{role['id']}")
    page.get_by_role("link", name="修改记录").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    page.locator("td details summary").first.click()
    row = page.locator(".diff tr", has_text="remark").first
    expect(row.locator(".is")).to_have_text(hard)
    expect(row.locator(".was")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_a_password_link_sets_the_password(reader: Reader, browser: Browser, platform: Platform) -> None:
    """Shown once; its token leaves the address at once; the operator signs in with the new password, the link is gone."""
    email, _ = platform.new_operator("read-only")
    user = next(row for row in platform.ask("GET", "/users", params={"q": email})["items"])
    page = reader.go(f"/sys/users/{user['id']}")
    page.get_by_role("button", name="生成重置密码链接").click()
    link = page.locator("dialog[open] code").inner_text()
    with Reader(browser, platform) as other:
        other.expected += ["410"]
        for _ in range(2):
            other.page.goto("about:blank")
            other.page.goto(link)
            expect(other.page).to_have_url(re.compile(r"/password$"))
            other.page.fill("input[name=new_password]", "a password of my own")
            other.page.fill("input[name=repeated]", "a password of my own")
            other.page.get_by_role("button", name="设置密码").click()
            if "/login" not in other.page.url:
                other.page.wait_for_load_state()
                other.settled()
            if _ == 0:
                other.page.wait_for_url(re.compile("/login"))
        expect(other.page.get_by_role("alert")).to_contain_text("链接已使用")
        other.page.goto("/login")
        other.sign_in(email, "a password of my own")


def test_the_sign_debugger_names_the_broken_rule(reader: Reader, platform: Platform) -> None:
    """A request with a wrong order of parameters is pasted; the page says so and shows what is to be signed."""
    demo = platform.demo
    page = reader.go("/try/explain")
    request = f"method=open.time.get&app_key={demo['app_key']}&timestamp=2001-01-01 00:00:00&v=2.0&sign={'0' * 32}"
    page.fill("textarea[name=request]", request)
    page.get_by_role("button", name="诊断").click()
    told = page.locator("[data-told]")
    expect(told).to_contain_text("timestamp")
    expect(told.locator(".signed")).to_contain_text(f"app_key{demo['app_key']}methodopen.time.get")
    reader.picture("explain-told")


def test_preferences_change_the_page_at_once(reader: Reader, platform: Platform) -> None:
    """Language, theme and zone; and back. Another session is seen and ended."""
    other = platform.token_of(platform.email, platform.password)
    page = reader.go("/me")
    page.select_option("select[name=language]", "en")
    page.select_option("select[name=theme]", "dark")
    page.select_option("select[name=time_zone]", "Europe/Berlin")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.locator("time").first).to_contain_text("+0")
    reader.settled()
    page.select_option("select[name=language]", "")
    page.select_option("select[name=theme]", "")
    page.select_option("select[name=time_zone]", "")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="个人中心")).to_be_visible()
    ended = f"/me/sessions/{hashlib.sha256(other.encode()).hexdigest()}/end"
    page.locator(f"button[hx-post='{ended}']").click()
    expect(page.locator(f"button[hx-post='{ended}']")).to_have_count(0)
