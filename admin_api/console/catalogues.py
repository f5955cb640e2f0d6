"""Texts of the console in two languages: English in the code, Chinese in locale/zh_CN/*.po, read at start."""

from collections.abc import Iterator
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

FOLDER = Path(__file__).parent / "locale"
CHINESE, ENGLISH = "zh-CN", "en"
LANGUAGES = {CHINESE: "简体中文", ENGLISH: "English"}
"""Tag → the language's own name; the first is the default."""
_FOLDERS = {CHINESE: "zh_CN", ENGLISH: "en"}


def N_(text: str) -> str:  # noqa: N802  # gettext's own name for it
    """Marks a text for the catalogues; it is translated where it is shown."""
    return text


@cache
def translations(language: str) -> NullTranslations:
    """The texts of one of LANGUAGES: of all .po files of its folder, one per group of screens. What is in none stays as it is."""
    merged = Catalog(locale=_FOLDERS[language])
    for file in catalogue_files(language):
        with file.open("rb") as lines:
            for message in read_po(lines, locale=_FOLDERS[language]):
                if message.id and message.string:
                    merged.add(message.id, message.string, context=message.context)
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return GNUTranslations(compiled)


class EarlyTexts(Extension):
    """Puts texts that stand alone, `_("Apps")`, into the environment's language (its `texts`) when a template is compiled: a page
    of a hundred rows has a thousand of them, and each took 10 µs."""

    _ALONE = ["name", "lparen", "string", "rparen"]

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        tokens = list(stream)
        at = 0
        while at < len(tokens):
            found = tokens[at : at + 4]
            if found[0].value == "_" and [token.type for token in found] == self._ALONE:
                text = self.environment.texts.gettext(found[2].value)  # type: ignore[attr-defined]  # Environment.extend
                yield Token(found[0].lineno, "string", text % {})
                at += 4
            else:
                yield tokens[at]
                at += 1


def catalogue_files(language: str) -> list[Path]:
    """The .po files of a language."""
    return sorted((FOLDER / _FOLDERS[language]).glob("*.po"))


def chosen_language(*wishes: str | None, accept_language: str = "") -> str:
    """The first wish that names one of LANGUAGES, else what the browser prefers, else Chinese."""
    for wish in wishes:
        if wish in LANGUAGES:
            return str(wish)
    for part in accept_language.lower().split(","):
        tag = part.partition(";")[0].strip()
        if tag.startswith("zh"):
            return CHINESE
        if tag.startswith("en"):
            return ENGLISH
    return CHINESE
