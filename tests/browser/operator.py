"""Who sits before the browser: a page that fails the test on CSP violations, script errors and foreign requests."""

import base64
import itertools
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import httpx
from playwright.sync_api import Browser, Error, Page, Request, Response, expect

from openplatform.signed_call import sign_call
from tests.waiting import PATIENCE_S

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
API = "api/v1"
ROOT = Path(__file__).parents[2]
PICTURES = Path(os.environ.get("PAILOU_TEST_SCREENSHOTS") or ROOT / "build/screenshots")
"""Where pictures of the screens are kept: some are shown in docs/, all are there to be looked at."""
SHOWN = {
    name
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md"))
    for name in re.findall(r"img/console/([\w-]+\.png)", page.read_text())
}
"""Those in docs/: packed well. All others are packed quickly, a third larger in a third of the time: there are hundreds."""
TALLEST_PX = 2400
"""A picture ends there: what comes below are more rows of the same table."""
PATIENCE_MS = PATIENCE_S * 1000
expect.set_options(timeout=PATIENCE_MS)  # Playwright's own 5 s are less than a busy machine needs

_IN_THEME = """theme => new Promise((done, refuse) => {
  const latest = performance.now() + 120_000;
  const look = () => document.documentElement.dataset.bsTheme === theme ? done()
    : performance.now() > latest ? refuse(new Error("the page does not follow the system's theme")) : requestAnimationFrame(look);
  look();
})"""

_numbers = itertools.count(1)


class Platform:
    """The running platform: its addresses, its files, and an administrator of its JSON API."""

    def __init__(self, demo: dict[str, Any], var: Path) -> None:
        self.demo = demo
        self.var = var
        self.url: str = demo["admin_url"].rstrip("/")
        self.email: str = demo["admin_email"]
        self.password: str = demo["admin_password"]
        self.api = httpx.Client(base_url=f"{self.url}/{API}", trust_env=False, timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        self.api.headers["Authorization"] = f"Bearer {self.token_of(self.email, self.password)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.api.close()

    def token_of(self, email: str, password: str) -> str:
        answer = httpx.post(
            f"{self.url}/{API}/login", json={"email": email, "password": password}, trust_env=False, timeout=PATIENCE_S
        )
        assert answer.is_success, answer.text
        return str(answer.json()["token"])

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON API's answer to the administrator."""
        answer = self.api.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def new_operator(self, *role_names: str) -> tuple[str, str]:
        """E-mail and first password of a new operator with these roles."""
        email = f"op{next(_numbers)}-{os.getpid()}@pailou.example"
        roles = {row["name"]: row["id"] for row in self.ask("GET", "/roles", params={"size": 100})["items"]}
        password = "first password"
        self.ask("POST", "/users", json={
            "email": email, "real_name": "新同事", "password": password, "role_ids": [roles[name] for name in role_names],
        })  # fmt: skip
        return email, password

    def call(self, app_key: str, secret: str, method: str = "open.order.get", **params: str) -> dict[str, Any]:
        """The gateway's answer to a signed call."""
        call = sign_call(
            url=self.demo["gateway_url"], app_key=app_key, secret=secret, method=method,
            params={"session": self.demo["session"], **params}, now=datetime.now(UTC),
        )  # fmt: skip
        answer: dict[str, Any] = httpx.post(call.url, data=call.params, trust_env=False, timeout=PATIENCE_S).json()
        return answer


class Served(Protocol):
    """Where a Reader looks: an address, and whom it signs in as."""

    url: str
    email: str
    password: str


class Reader:
    """One browser window. `page` is Playwright's; leaving it checks that no page complained of anything."""

    def __init__(
        self, browser: Browser, platform: Served, *, language: str = "zh-CN", theme: str = "light", width: int = 1360
    ) -> None:
        self.platform = platform
        self.expected: list[str] = []
        """Regular expressions of complaints that the test provokes."""
        self._complaints: list[str] = []
        self.context = browser.new_context(
            base_url=platform.url,
            viewport={"width": width, "height": 900},
            locale=language,
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        self.context.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self._devtools = self.context.new_cdp_session(self.page)
        self.page.on("console", lambda m: self._complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._complaints.append(str(error)))
        self.page.on("request", self._look)
        self.page.on("response", self._look_at_answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()
        if kind is None:
            self.no_complaints()

    def no_complaints(self) -> None:
        """Fails on CSP violations, errors in the browser's console, answers ≥ 400 and requests to other hosts."""
        left = [text for text in self._complaints if not any(re.search(pattern, text) for pattern in self.expected)]
        assert not left, "\n".join(left)

    def sign_in(self, email: str = "", password: str = "", *, leads_to: str = "/", at: str = "/login") -> None:
        """By the login form."""
        self.page.goto(at)
        self.page.fill("input[name=email]", email or self.platform.email)
        self.page.fill("input[name=password]", password or self.platform.password)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(re.compile(re.escape(leads_to) + "$"))

    def go(self, path: str) -> Page:
        """Opens a page and waits until its regions are filled."""
        # A form's answer may be leading the window elsewhere at this moment; of two ways the browser drops one.
        self.settled()
        try:
            self.page.goto(path)
        except Error as error:
            if "ERR_ABORTED" not in str(error):
                raise
            self.page.goto(path)
        self.settled()
        return self.page

    def settled(self) -> None:
        """Waits until no region is loading and no form is on its way."""
        # Not wait_for_function: it evaluates its text in the page, which the page's policy forbids.
        expect(self.page.locator(".region[aria-busy], form.sending")).to_have_count(0)

    def axe(self, *, colours_only: bool = False) -> list[str]:
        """What axe-core finds wrong with the page, by rule and element. colours_only: all that differs in another theme."""
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.evaluate(AXE)
        asked = {"type": "rule", "values": ["color-contrast"]} if colours_only else {"type": "tag", "values": RULES}
        found = self.page.evaluate("asked => axe.run(document, {runOnly: asked, resultTypes: ['violations']})", asked)
        return [
            f"{self.page.url} {v['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for v in found["violations"]
            for node in v["nodes"]
        ]

    def picture(self, name: str, *, tallest_px: int = TALLEST_PX) -> None:
        """Keeps a picture of the page, all of it, as `name-language-theme-width.png`; the window is as before afterwards."""
        seen = self.page.viewport_size
        assert seen is not None
        self.show_all(tallest_px)
        self.take(name)
        self.page.set_viewport_size(seen)

    def show_all(self, tallest_px: int = TALLEST_PX) -> None:
        """Makes the window as high as the page: the menu at the side is as high as the window. Not for a dialog, which fills it."""
        seen = self.page.viewport_size
        assert seen is not None
        height, is_dialog = self.page.evaluate(
            """() => { scrollTo(0, 0);
            return [document.documentElement.scrollHeight, Boolean(document.querySelector("dialog[open]"))]; }"""
        )
        if height > seen["height"] and not is_dialog:
            self.page.set_viewport_size({"width": seen["width"], "height": min(height, tallest_px)})

    def follow(self, theme: Literal["dark", "light"]) -> None:
        """The system's theme changes, and the page's with it. One round trip: wait_for_function makes several, and there are hundreds."""
        self.page.emulate_media(color_scheme=theme)
        self.page.evaluate(_IN_THEME, theme)

    def take(self, name: str) -> None:
        """Keeps a picture of what the window shows."""
        language, theme, width = self.page.evaluate(
            "() => [document.documentElement.lang, document.documentElement.dataset.bsTheme, innerWidth]"
        )
        file = f"{name}-{language}-{theme}-{width}.png"
        taken = self._devtools.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": file not in SHOWN})
        PICTURES.mkdir(parents=True, exist_ok=True)
        (PICTURES / file).write_bytes(base64.b64decode(taken["data"]))

    def _look(self, request: Request) -> None:
        if not request.url.startswith((self.platform.url + "/", "data:", "blob:")):
            self._complaints.append(f"a request to another host: {request.url}")

    def _look_at_answer(self, response: Response) -> None:
        if response.status >= 400:
            self._complaints.append(f"{response.status} {response.request.method} {response.url}")
