"""Writes XML 1.0 text: everything escaped, characters that XML cannot hold dropped, names made valid."""

import re
from xml.sax.saxutils import escape

# https://www.w3.org/TR/xml/#charsets
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_NAMES = re.compile(r"[^\w.\-]")


def declaration() -> str:
    return '<?xml version="1.0" encoding="utf-8" ?>'


def open_tag(name: str) -> str:
    """The opening tag of an element; what a name cannot hold becomes `_`."""
    name = _NOT_IN_NAMES.sub("_", name)
    if not name or not (name[0].isalpha() or name[0] == "_"):
        name = "_" + name
    return f"<{name}>"


def element(out: list[str], name: str, text: str) -> None:
    """Appends one element that holds text."""
    tag = open_tag(name)
    out.append(f"{tag}{escape(_ILLEGAL.sub('', text))}</{tag[1:]}")
