"""Markup made in Python: every value is escaped."""

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: object) -> Html:
    """The value as markup: escaped, unless it is markup."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def tag(name: str, /, *content: object, **attributes: str) -> Html:
    """An element; `class_` and `for_` lose their underscore."""
    inner = "".join(text(part) for part in content)
    return Html(f"<{name}{_written(attributes)}>{inner}</{name}>")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table; "" when there are no rows."""
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("table", tag("tr", *(tag("th", name) for name in head)), *body) if body else Html("")


def _written(attributes: dict[str, str]) -> str:
    pairs = [(name.rstrip("_"), escape(value)) for name, value in attributes.items()]
    return "".join(f' {name}="{value}"' for name, value in pairs)
