"""What every screen keeps: no findings of axe-core, no foreign words, no picture that overflows, in both themes and languages."""

import os
import re

import pytest
from playwright.sync_api import Browser

from tests.browser.operator import SCREENSHOTS, Platform, Reader
from tests.browser.screens import SCREENS, Screen

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NARROW, WIDE = 390, 1360

# What operators typed (data-content) stays as it is in both languages, as does each language's own name.
_TEXT_OF_FRAME = """() => [...document.querySelectorAll(`
  h1, h2, h3, th, label, button, summary, legend, .side li, .nav-link, .breadcrumb-item,
  .subheader, .empty-title, .form-hint, figcaption`)]
  .filter(e => !e.closest('[data-content], [lang]:not(html)'))
  .map(e => { const copy = e.cloneNode(true); copy.querySelectorAll('[data-content], [lang]').forEach(c => c.remove());
    return copy.textContent.trim(); })"""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_screen_is_whole(browser: Browser, platform: Platform, language: str, theme: str) -> None:
    """axe finds nothing, the theme is the wished one, texts are in the language, nothing is wider than the window."""
    wrong: list[str] = []
    is_narrow_looked_at = SCREENSHOTS in os.environ or (theme, language) == ("light", "zh-CN")
    for width in (WIDE, NARROW) if is_narrow_looked_at else (WIDE,):
        with Reader(browser, platform, language=language, theme=theme, width=width) as reader:
            reader.page.goto("/login")
            wrong += look_at(reader, "login", language, theme, width)
            reader.sign_in()
            for screen in SCREENS:
                open_screen(reader, screen)
                wrong += look_at(reader, screen.name, language, theme, width)
    assert not wrong, "\n".join(wrong)


def open_screen(reader: Reader, screen: Screen) -> None:
    reader.go(screen.path)
    if screen.opens:
        reader.page.locator(screen.opens).first.click()
        reader.settled()


def look_at(reader: Reader, name: str, language: str, theme: str, width: int) -> list[str]:
    page = reader.page
    reader.picture(f"{name}-{language}-{theme}-{width}")
    wrong = reader.axe() if width == WIDE else []
    if page.evaluate("document.documentElement.getAttribute('data-bs-theme')") != theme:
        wrong.append(f"{name}: not {theme}")
    if page.evaluate("document.documentElement.lang") != language:
        wrong.append(f"{name}: not {language}")
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if overflow > 1:
        wrong.append(f"{name} {width}: {overflow} px wider than the window")
    if language == "en":
        wrong += [f"{name}: {text[:60]}" for text in page.evaluate(_TEXT_OF_FRAME) if CHINESE.search(text)]
    return wrong
