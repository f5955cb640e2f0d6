"""Pages as text: every value is escaped, nothing inline, one small style sheet of our own."""

from collections.abc import Iterable, Sequence
from html import escape

from starlette.responses import HTMLResponse

from admin_api.security.doorway import PAGE_POLICY

STYLE_PATH = "/assets/plain.css"
STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733; }
h2 { border-bottom: 1px solid #ccd5de; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .875rem; }
pre { background: #f2f5f8; padding: .75rem; overflow-x: auto; }
table { border-collapse: collapse; }
td, th { border: 1px solid #ccd5de; padding: .25rem .5rem; text-align: left; vertical-align: top; }
label { display: block; margin: .75rem 0; }
input { display: block; font: inherit; padding: .35rem .5rem; width: 20rem; max-width: 100%; }
button { font: inherit; padding: .35rem 1rem; }
.refused { color: #a3201d; }
"""


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


def void_tag(name: str, /, **attributes: str) -> Html:
    """An element without content, such as input."""
    return Html(f"<{name}{_written(attributes)}>")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table; "" when there are no rows."""
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("table", tag("tr", *(tag("th", name) for name in head)), *body) if body else Html("")


def page(title: str, *content: object, status: int = 200) -> HTMLResponse:
    """A whole page."""
    head = [
        void_tag("meta", charset="utf-8"),
        void_tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Pailou"),
        void_tag("link", rel="stylesheet", href=STYLE_PATH),
    ]
    body = tag("main", tag("h1", title), *content)
    document = f"<!doctype html>{tag('html', tag('head', *head), tag('body', body), lang='en')}"
    return HTMLResponse(document, status, {"Content-Security-Policy": PAGE_POLICY})


def _written(attributes: dict[str, str]) -> str:
    pairs = [(name.rstrip("_"), escape(value)) for name, value in attributes.items()]
    return "".join(f' {name}="{value}"' for name, value in pairs)
