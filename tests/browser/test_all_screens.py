"""What every screen keeps: no findings of axe-core, no foreign words, nothing that overflows, in both themes and languages."""

import re
import time
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.browser.operator import Platform, Reader
from tests.browser.screens import SCREENS, Screen

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NARROW, WIDE = 390, 1360
THEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
_OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
# What operators typed (data-content) stays as it is in both languages, as does each language's own name.
_TEXT_OF_FRAME = """() => [...document.querySelectorAll(`
  h1, h2, h3, th, label, button, summary, legend, .side li, .nav-link, .breadcrumb-item,
  .subheader, .empty-title, .form-hint, figcaption`)]
  .filter(e => !e.closest('[data-content], [lang]:not(html)'))
  .map(e => { const copy = e.cloneNode(true); copy.querySelectorAll('[data-content], [lang]').forEach(c => c.remove());
    return copy.textContent.trim(); })"""

# Two words of Latin letters that no Chinese page has: names, codes and what the API's own document says stand in their own elements.
_ENGLISH = """() => { const found = [], looks = /[A-Za-z]{2,} [a-z]{2,}/, own = '[data-content], [lang]:not(html), code, pre, textarea';
  const see = (element, text) => { if (text && looks.test(text.replace(/\\s+/g, ' ')) && !element.closest(own)) found.push(text.trim()); };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) see(texts.currentNode.parentElement, texts.currentNode.textContent);
  for (const name of ['title', 'placeholder', 'aria-label'])
    document.querySelectorAll(`[${name}]`).forEach(element => see(element, element.getAttribute(name)));
  return found; }"""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_screen_is_whole(browser: Browser, platform: Platform, language: str) -> None:
    """axe finds nothing in either theme, texts are in the language, nothing is wider than the window."""
    wrong: list[str] = []
    with Reader(browser, platform, language=language, width=WIDE) as reader:
        reader.page.goto("/login")
        wrong += look_at(reader, "login", language)
        reader.sign_in()
        for screen in SCREENS:
            open_screen(reader, screen)
            wrong += look_at(reader, screen.name, language)
    assert not wrong, "\n".join(wrong)


def open_screen(reader: Reader, screen: Screen) -> None:
    reader.go(screen.path)
    if screen.opens:
        reader.page.locator(screen.opens).first.click()
        reader.settled()


def look_at(reader: Reader, name: str, language: str) -> list[str]:
    """A page follows window and system while it is open: one visit shows it in four looks, of each is a picture."""
    page = reader.page
    wrong = []
    if page.evaluate("document.documentElement.lang") != language:
        wrong.append(f"{name}: not {language}")
    foreign = (
        [text for text in page.evaluate(_TEXT_OF_FRAME) if CHINESE.search(text)]
        if language == "en"
        else page.evaluate(_ENGLISH)
    )
    wrong += [f"{name}: {text[:60]}" for text in foreign]
    for width in (NARROW, WIDE):  # at last wide, as the next page is opened
        page.set_viewport_size({"width": width, "height": 900})
        ends = time.monotonic() + 30
        while (overflow := page.evaluate(_OVERFLOW)) > 1 and time.monotonic() < ends:
            page.wait_for_timeout(100)  # charts follow the window a moment later
        if overflow > 1:
            wrong.append(f"{name} {width}: {overflow} px wider than the window")
        reader.show_all()
        for theme in THEMES:
            reader.follow(theme)
            reader.take(name)
            if language == "zh-CN" and width == WIDE:  # colours and structure: the same in both languages
                wrong += [f"{theme} {finding}" for finding in reader.axe(colours_only=theme == "light")]
    return wrong
