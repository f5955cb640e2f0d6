#!/usr/bin/env python3
"""Brings the console's Chinese catalogues up to what templates and pages say: new texts come in empty, unused ones go.

    .venv/bin/python scripts/catalogues.py          # then fill in what is empty in admin_api/console/locale/zh_CN/*.po
    .venv/bin/python scripts/catalogues.py --check  # says what lacks, changes nothing

A text belongs to the file of the folder that first says it: templates/apps/ and pages/apps.py → apps.po, all shared ones → shell.po.
messages.po holds what services say at run time and is edited by hand.
"""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

CONSOLE = Path(__file__).resolve().parent.parent / "admin_api/console"
CHINESE = CONSOLE / "locale/zh_CN"
BY_HAND = "messages"
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
_HEAD = b"""msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: zh_CN\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""
Key = tuple[str, str | None]  # text (of plural forms the first), context


def said() -> dict[Key, tuple[list[str], object]]:
    """Every text of the console → the catalogues that it may belong to, the best first, and its forms."""
    found: dict[Key, tuple[list[str], object]] = {}
    shared_first = sorted(CONSOLE.rglob("*.html"), key=lambda p: (group_of(p) != "shell", p)) + sorted(
        CONSOLE.rglob("*.py")
    )
    for file in shared_first:
        method = "jinja2.ext:babel_extract" if file.suffix == ".html" else "python"
        options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"} if file.suffix == ".html" else {}
        with file.open("rb") as lines:
            for _, message, _, context in extract(method, lines, KEYWORDS, options=options):
                first = message[0] if isinstance(message, tuple) else message
                found.setdefault((first, context), ([], message))[0].append(group_of(file))
    return found


def group_of(file: Path) -> str:
    """The catalogue of a template or module."""
    inside = file.relative_to(CONSOLE)
    if inside.parts[0] == "templates" and len(inside.parts) > 2 and inside.parts[1] != "macros":
        return inside.parts[1]
    if inside.parts[0] == "pages" and (CONSOLE / "templates" / inside.parts[1].removesuffix(".py")).is_dir():
        return inside.parts[1].removesuffix(".py")
    return "shell"


def read(file: Path) -> Catalog:
    """A catalogue; an empty one if there is no such file."""
    if not file.exists():
        return Catalog(locale="zh_CN", fuzzy=False)
    with file.open("rb") as lines:
        return read_po(lines, locale="zh_CN")


def key_of(message: object) -> Key:
    """What a catalogue's entry translates."""
    text = message.id  # type: ignore[attr-defined]
    return (text[0] if isinstance(text, tuple) else text), message.context  # type: ignore[attr-defined]


def written(catalog: Catalog) -> bytes:
    """The file's content: sorted, without dates and places, so that changes of several people merge."""
    out = BytesIO()
    catalog.header_comment = ""
    write_po(out, catalog, omit_header=True, no_location=True, sort_output=True, width=120)
    return _HEAD + out.getvalue().strip() + b"\n"


def main() -> None:
    wanted = said()
    old = {file.stem: read(file) for file in CHINESE.glob("*.po") if file.stem != BY_HAND}
    by_hand = {key_of(message) for message in read(CHINESE / f"{BY_HAND}.po") if message.id}
    texts = {key_of(message): message.string for catalog in old.values() for message in catalog if message.id}
    homes = {key_of(message): name for name, catalog in old.items() for message in catalog if message.id}
    new: dict[str, Catalog] = {}
    empty = 0
    for key, (groups, message) in wanted.items():
        if key in by_hand:
            continue
        # It stays where it is as long as that screen says it: a new screen moves nothing out of another's file.
        group = homes[key] if homes.get(key) in groups else groups[0]
        text = texts.get(key, "")
        empty += not any(text) if isinstance(text, tuple) else not text
        new.setdefault(group, read(Path("/nowhere"))).add(message, text, context=key[1])
    changed = [name for name in {*new, *old} if not same(CHINESE / f"{name}.po", new.get(name))]
    if "--check" in sys.argv[1:]:
        # One text in two files is no mistake: two people have landed beside each other.
        gone = sorted(text for text, _ in set(texts) - set(wanted))
        untidy = sorted(name for name, catalog in old.items() if not same(CHINESE / f"{name}.po", catalog))
        print(f"{empty} without Chinese; said by nobody: {gone}; not as this script writes them: {untidy}")
        sys.exit(bool(empty or gone or untidy))
    for name in changed:
        file = CHINESE / f"{name}.po"
        if name in new:
            file.write_bytes(written(new[name]))
        else:
            file.unlink()
    print(f"{len(wanted)} texts, {empty} without Chinese, changed: {', '.join(sorted(changed)) or 'nothing'}")
    sys.exit(bool(empty))


def same(file: Path, catalog: Catalog | None) -> bool:
    """Whether the file holds just this."""
    return catalog is not None and file.exists() and file.read_bytes() == written(catalog)


if __name__ == "__main__":
    main()
