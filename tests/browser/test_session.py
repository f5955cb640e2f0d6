"""Into the console, out of it, and what protects it: locks, first passwords, ended sessions, foreign requests, lost lines."""

import re
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect

from tests.admin_world import PASSWORD
from tests.browser.operator import Platform, Reader
from tests.browser.own_admin import own_admin
from tests.waiting import PATIENCE_S


def test_login_lock_unlock(browser: Browser, tmp_path: Path) -> None:
    """Five wrong passwords lock the account and say for how many minutes; after them the right one lets in."""
    with own_admin(tmp_path, "gw:app:list", password=PASSWORD) as admin, Reader(browser, admin) as reader:
        reader.expected.append(r"401|429")
        page = reader.page
        page.goto("/login")
        for _ in range(5):
            page.fill("[name=email]", admin.email)
            page.fill("[name=password]", "certainly not this")
            with page.expect_navigation():
                page.press("[name=password]", "Enter")
            expect(page.locator("[role=alert]")).to_have_text("邮箱或密码错误。")
            expect(page.locator("[name=email]")).to_have_value(admin.email)
        page.fill("[name=password]", admin.password)
        page.press("[name=password]", "Enter")
        expect(page.locator("[role=alert]")).to_have_text(re.compile("请 10 分钟后再试"))
        admin.turn(601)
        reader.sign_in(at="/login?next=/apps", leads_to="/apps")


def test_the_password_can_be_looked_at(stranger: Reader) -> None:
    """The eye shows and hides it, and says so to screen readers; caps lock is remarked on."""
    page = stranger.page
    page.goto("/login")
    page.fill("[name=password]", "secret words")
    eye = page.get_by_role("button", name="显示密码")
    eye.click()
    expect(page.locator("[name=password]")).to_have_attribute("type", "text")
    expect(eye).to_have_attribute("aria-pressed", "true")
    eye.click()
    expect(page.locator("[name=password]")).to_have_attribute("type", "password")
    page.locator("[name=password]").evaluate(
        "e => e.dispatchEvent(new KeyboardEvent('keyup', {key: 'A', modifierCapsLock: true, bubbles: true}))"
    )
    expect(page.locator("[data-caps-hint]")).to_be_visible()


def test_first_login_change_password(stranger: Reader, platform: Platform) -> None:
    """A new operator sees nothing before the password is their own; then the menu of their role."""
    email, first = platform.new_operator("read-only")
    stranger.expected.append(r"422")
    page = stranger.page
    stranger.sign_in(email, first, leads_to="/me/password")
    page.goto("/apps")
    page.wait_for_url("**/me/password")
    page.fill("[name=old_password]", first)
    page.fill("[name=new_password]", "a password of my own")
    page.fill("[name=repeated]", "another one by mistake")
    page.click("main button[type=submit]")
    expect(page.locator("#pw-repeated-error")).to_have_text("两次输入不一致")
    page.fill("[name=old_password]", first)
    page.fill("[name=new_password]", "a password of my own")
    page.fill("[name=repeated]", "a password of my own")
    page.click("main button[type=submit]")
    expect(page.locator("#toasts")).to_contain_text("密码已修改")
    stranger.go("/apps")
    expect(page.locator("h1")).to_have_text("应用")
    expect(page.get_by_role("link", name="新增应用")).to_have_count(0)


def test_button_hidden_and_route_403(stranger: Reader, platform: Platform) -> None:
    """What a role may not do has no button, and its address answers 403 with the permission's name."""
    email, first = platform.new_operator("read-only")
    stranger.expected.append(r"403")
    token = platform.token_of(email, first)
    httpx.put(
        f"{platform.url}/api/v1/me/password", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=PATIENCE_S,
        json={"old_password": first, "new_password": "a password of my own"},
    ).raise_for_status()  # fmt: skip
    stranger.sign_in(email, "a password of my own")
    page = stranger.go("/apps/1")
    expect(page.get_by_role("button", name="删除")).to_have_count(0)
    expect(page.locator("form.sheet")).to_have_count(0)
    page.goto("/apps/new")
    expect(page.locator("main")).to_contain_text("gw:app:add")
    expect(page.locator("h1")).to_have_text("无权访问")


def test_session_expiry_keeps_form(reader: Reader, platform: Platform) -> None:
    """A form sent after the session ended brings a sign-in dialog; what was typed stays, and is saved when sent again."""
    page = reader.page
    reader.expected.append(r"401")
    reader.go("/apps/1")
    page.fill("[name=redirect_url]", "https://isv.example/kept")
    cookie = next(c for c in reader.context.cookies() if c["name"] == "sid")
    reader.context.add_cookies([{**cookie, "value": "ended"}])  # type: ignore[list-item]
    page.click("form.sheet button[type=submit]")
    dialog = page.locator("#login-again")
    expect(dialog).to_be_visible()
    dialog.locator("[name=email]").fill(platform.email)
    dialog.locator("[name=password]").fill("not this one")
    dialog.locator("button[type=submit]").click()
    expect(dialog.locator("[role=alert]")).to_be_visible()
    dialog.locator("[name=email]").fill(platform.email)
    dialog.locator("[name=password]").fill(platform.password)
    dialog.locator("button[type=submit]").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("[name=redirect_url]")).to_have_value("https://isv.example/kept")
    page.click("form.sheet button[type=submit]")
    expect(page.locator("#toasts")).to_contain_text("已保存")
    assert platform.ask("GET", "/apps/1")["redirect_url"] == "https://isv.example/kept"


def test_csrf_missing_403(reader: Reader, platform: Platform) -> None:
    """A change without the session's token, or with another's, is refused and says so; nothing is changed."""
    page = reader.page
    reader.expected.append(r"403")
    before = platform.ask("GET", "/apps/1")
    for token in ("{}", '{"X-CSRF-Token": "' + "0" * 64 + '"}'):
        reader.go("/apps/1")
        page.evaluate("token => document.body.setAttribute('hx-headers:inherited', token)", token)
        page.fill("[name=app_name]", "forged")
        page.click("form.sheet button[type=submit]")
        expect(page.locator("#notice [role=alert]")).to_contain_text("CSRF")
        expect(page.locator("[name=app_name]")).to_have_value("forged")
        page.evaluate("document.querySelector('form.sheet').removeAttribute('data-changed')")
    after = platform.ask("GET", "/apps/1")
    assert {name: after[name] for name in ("app_name", "version")} == {n: before[n] for n in ("app_name", "version")}


def test_offline_banner(reader: Reader) -> None:
    """Without a line the page says so, a form sent then changes nothing and stays; back on the line it goes through."""
    page = reader.page
    reader.expected.append(r"ERR_INTERNET_DISCONNECTED|Failed to fetch")
    reader.go("/apps/1")
    page.fill("[name=description]", "写于断网时")
    reader.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    assert reader.axe() == []
    page.click("form.sheet button[type=submit]")
    expect(page.locator("#notice [role=alert]")).to_contain_text("未做任何修改")
    expect(page.locator("[name=description]")).to_have_value("写于断网时")
    reader.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    page.click("form.sheet button[type=submit]")
    expect(page.locator("#toasts")).to_contain_text("已保存")


def test_redis_down_banner(browser: Browser, tmp_path: Path) -> None:
    """Without Redis every page says what cannot be shown; lists live, a change is kept and says that it waits; then all is well again."""
    perms = ("gw:param:list", "gw:param:query", "gw:param:edit", "gw:mapping:list")
    with own_admin(tmp_path, *perms, password=PASSWORD) as admin, Reader(browser, admin) as reader:
        page, banner = reader.page, reader.page.locator("#cut-off")

        def until_banner(is_shown: bool) -> None:
            for _ in range(240):
                reader.go("/sysparams")
                if bool(banner.count()) == is_shown:
                    return
                page.wait_for_timeout(500)
            raise AssertionError(page.content())

        reader.sign_in(at="/login?next=/sysparams", leads_to="/sysparams")
        expect(page.locator("table")).to_be_visible()
        expect(banner).to_have_count(0)
        admin.answer_from_redis(False)
        until_banner(True)
        expect(banner).to_contain_text("Redis")
        assert reader.axe() == []
        reader.go("/mappings")
        expect(banner).to_be_visible()
        expect(page.locator(".empty-title")).to_be_visible()  # there are no APIs here, which is known without Redis
        reader.go("/sysparams/1")
        page.fill("[name=description]", "写于 Redis 停机时")
        page.click("form.sheet button[type=submit]")
        expect(page.locator("#toasts")).to_contain_text("Redis 恢复")
        reader.go("/sysparams/1")
        expect(page.locator("[name=description]")).to_have_value("写于 Redis 停机时")
        admin.answer_from_redis(True)
        until_banner(False)


def test_language_and_theme_are_kept_in_the_profile(browser: Browser, platform: Platform) -> None:
    """Chosen in one browser, there in another after signing in."""
    email, first = platform.new_operator("operator")
    with Reader(browser, platform) as one:
        one.sign_in(email, first, leads_to="/me/password")
        one.page.click("summary:has-text('简体中文')")
        one.page.click("button[value=en]")
        expect(one.page.locator("h1")).to_have_text("Change password")
        one.page.locator("summary[aria-label=Theme]").click()
        one.page.click("button[value=dark]")
        expect(one.page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    with Reader(browser, platform) as other:
        other.sign_in(email, first, leads_to="/me/password")
        expect(other.page.locator("h1")).to_have_text("Change password")
        expect(other.page.locator("html")).to_have_attribute("data-bs-theme", "dark")
