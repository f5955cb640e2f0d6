"""The console while MySQL does not answer, as who was there and who was not sees it."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.admin_world import PASSWORD
from tests.browser.operator import Reader
from tests.browser.own_admin import own_admin
from tests.servers import MariaDB
from tests.servers.mariadb import fresh_database

LOOKS = (("zh-CN", "light", 1360), ("en", "dark", 1360), ("zh-CN", "dark", 390), ("en", "light", 390))
WORDS = {"zh-CN": ("数据库没有响应", "重试"), "en": ("the database does not answer", "Try again")}


def test_mysql_down_read_only(browser: Browser, own_server: Callable[[type[MariaDB]], MariaDB], tmp_path: Path) -> None:
    """A banner, a list that says why it is empty, a form and a dialog that keep what was typed; then all goes on."""
    server = own_server(MariaDB)
    url = fresh_database(server.url, "admin")
    with own_admin(tmp_path, "*:*:*", password=PASSWORD, database_url=url) as admin, ExitStack() as stack:
        readers = [
            stack.enter_context(Reader(browser, admin, language=language, theme=theme, width=width))
            for language, theme, width in LOOKS
        ]
        for reader in readers:
            reader.expected.append("503")
            reader.sign_in(at="/login?next=/rank", leads_to="/rank")
        reader = readers[0]
        page = reader.go("/sysparams/1")
        expect(page.locator("#read-only")).to_have_count(0)
        page.fill("[name=description]", "写于数据库停机时")
        dialogs = stack.enter_context(Reader(browser, admin, width=390))
        dialogs.expected.append("503")
        dialogs.sign_in(at="/login?next=/sys/roles/2", leads_to="/sys/roles/2")
        name = dialogs.page.locator("[name=name]").input_value()
        dialogs.page.get_by_role("button", name="删除角色").click()
        dialogs.page.fill("[name=typed]", name)

        server.kill()
        page.click("form.sheet button[type=submit]")
        expect(page.locator("#notice [role=alert]")).to_contain_text("数据库没有响应")
        expect(page.locator("[name=description]")).to_have_value("写于数据库停机时")
        assert reader.axe() == []
        reader.picture("mysql-down-form")
        for each, (language, _, width) in zip(readers[1:], LOOKS[1:], strict=True):
            says, again = WORDS[language]
            for path in ("/rank", "/", "/apps"):
                each.go(path)
                expect(each.page.locator("#read-only")).to_be_visible()
                assert each.axe() == []
                assert each.page.evaluate("document.documentElement.scrollWidth") <= width
                each.picture(f"mysql-down{path.replace('/', '-')}")
            expect(each.page.locator("main .empty-title")).to_contain_text(says)
            expect(each.page.get_by_role("link", name=again)).to_have_attribute("href", "/apps")

        stranger = stack.enter_context(Reader(browser, admin))
        stranger.expected.append("503")
        stranger.page.goto("/login")
        expect(stranger.page.locator("[role=status]").first).to_contain_text("数据库没有响应")
        stranger.picture("mysql-down-login")
        stranger.page.fill("[name=email]", admin.email)
        stranger.page.fill("[name=password]", admin.password)
        stranger.page.press("[name=password]", "Enter")
        expect(stranger.page.locator("[role=alert]")).to_contain_text("数据库没有响应")
        expect(stranger.page.locator("[name=email]")).to_have_value(admin.email)
        assert stranger.axe() == []
        stranger.picture("mysql-down-login-refused")

        dialog = dialogs.page.locator("dialog[open]")
        for _ in range(2):
            dialog.locator("button[type=submit]").click()
            dialogs.settled()
            expect(dialog.locator("[role=alert]")).to_have_count(1)
            expect(dialog.locator("[role=alert]")).to_contain_text("数据库没有响应")
        expect(dialog.locator("[name=typed]")).to_have_value(name)
        assert dialogs.axe() == []
        dialogs.picture("mysql-down-dialog")

        server.start()
        for _ in range(240):
            page.click("form.sheet button[type=submit]")
            reader.settled()
            if page.locator("#toasts .toast-line").count():
                break
            page.wait_for_timeout(250)
        expect(page.locator("#toasts")).to_contain_text("已保存")
        dialog.locator("button[type=submit]").click()
        dialogs.page.wait_for_url("**/sys/roles")
        expect(reader.go("/apps").locator(".empty-title")).not_to_contain_text("数据库")
        expect(page.locator("#read-only")).to_have_count(0)
