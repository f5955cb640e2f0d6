"""Writes XML 1.0 text: everything escaped, characters that XML cannot hold dropped, names made valid."""

import re
from xml.sax.saxutils import escape

# https://www.w3.org/TR/xml/#charsets
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Up to U+9FA5: later ideographs are no letters to readers that keep to the first editions of XML 1.0, as expat does.
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_.\u4e00-\u9fa5-]")
_STARTS_NAME = re.compile("[A-Za-z_\u4e00-\u9fa5]")


def declaration() -> str:
    """What every XML answer begins with."""
    return '<?xml version="1.0" encoding="utf-8" ?>'


def open_tag(name: str) -> str:
    """The opening tag of an element; what a name cannot hold becomes `_`."""
    name = _NOT_IN_NAMES.sub("_", name)
    if _STARTS_NAME.match(name) is None:
        name = "_" + name
    return f"<{name}>"


def element(out: list[str], name: str, text: str) -> None:
    """Appends one element that holds text."""
    tag = open_tag(name)
    text = escape(_ILLEGAL.sub("", text))
    if "\r" in text:
        text = text.replace(
            "\r", "&#13;"
        )  # readers make one line feed of a bare one; and CR LF separates the parts of a batch
    out.append(f"{tag}{text}</{tag[1:]}")
