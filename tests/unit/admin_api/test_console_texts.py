"""The console's words: every text in both languages, none of them Chinese in code and templates."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from babel.messages.pofile import read_po

from admin_api.console.catalogues import CHINESE, ENGLISH, catalogue_files, chosen_language, translations

ROOT = Path(__file__).parents[3]
CONSOLE = ROOT / "admin_api/console"
HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")


def test_every_text_has_its_chinese() -> None:
    """The catalogues hold just what templates and pages say, sorted, nothing empty; `scripts/catalogues.py` brings them up to date."""
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts/catalogues.py", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_services_say_of_a_field_has_its_chinese() -> None:
    """A refusal stands at its field in the reader's language; what holds a value of the moment is left out."""
    say = translations(CHINESE).gettext
    files = [*(ROOT / "admin_api").rglob("*.py"), *(ROOT / "monitor/endpoints").glob("*.py")]
    said = [text for file in files for node in ast.walk(ast.parse(file.read_text())) for text in refusals(node)]
    assert len(said) > 40
    assert [text for text in said if say(text) == text] == []


def refusals(node: ast.AST) -> list[str]:
    """What a `ValueError("…")` of a model, or an `invalid_field(field, "…")`, says; none for any other node."""
    match node:
        case ast.Call(func=ast.Name("ValueError"), args=[ast.Constant(str(text)), *_]):
            return [text]
        case ast.Call(func=ast.Name("invalid_field" | "invalid"), args=[_, ast.Constant(str(text)), *_]):
            return [text]
    return []


def test_no_text_has_two_translations() -> None:
    """What several screens say means the same everywhere: a text with another meaning gets a context."""
    for language in (CHINESE, ENGLISH):
        seen: dict[tuple[str, str | None], object] = {}
        for file in catalogue_files(language):
            with file.open("rb") as lines:
                for message in read_po(lines):
                    if message.id:
                        key = (str(message.id), message.context)
                        assert seen.setdefault(key, message.string) == message.string, (file, key)
                        assert not message.fuzzy, (file, key)


def test_templates_and_scripts_hold_no_chinese() -> None:
    """Words stand in the catalogues, so that they can be changed without touching pages."""
    files = [*CONSOLE.rglob("*.html"), *CONSOLE.rglob("*.js"), *CONSOLE.glob("static/*.css")]
    assert len(files) > 15
    found = [
        f"{file.name}:{number}"
        for file in files
        if "vendor" not in file.parts
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if HAN.search(re.sub(r"\{#.*?#\}", "", line))
    ]
    assert found == []


def test_templates_have_no_inline_style_script_or_handler() -> None:
    """The Content-Security-Policy would refuse them."""
    forbidden = re.compile(
        r"\sstyle=|<style|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:|hx-on|hx-vals='js:|https?://"
    )
    found = [
        f"{file.name}:{number}"
        for file in CONSOLE.rglob("*.html")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if forbidden.search(line)
    ]
    assert found == []


def test_the_language_is_the_profiles_then_the_cookies_then_the_browsers() -> None:
    """Chinese without any wish, and for wishes that nobody knows."""
    assert chosen_language("en", "zh-CN", accept_language="zh") == "en"
    assert chosen_language(None, "en", accept_language="zh") == "en"
    assert chosen_language(None, "xx", accept_language="fr, en-GB;q=0.8") == "en"
    assert chosen_language(None, None, accept_language="") == "zh-CN"
    assert translations(CHINESE).gettext("Apps") == "应用"
    assert translations(ENGLISH).gettext("应用管理") == "Apps"
    assert translations(ENGLISH).gettext("Apps") == "Apps"
