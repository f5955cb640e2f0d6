"""What is to be done with many rows of a list: the ticked ones, or all that match the list's own filters."""

from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.datastructures import FormData, QueryParams

from admin_api.console.forms import parse
from admin_api.console.lists import read_query
from admin_api.tables.listing import Filter, Listing
from admin_api.tables.selection import MAX_MATCHES, Selection

S = TypeVar("S", bound=Selection[Any])


def here_of(sent: FormData) -> QueryParams:
    """The list's state as the form carried it along."""
    return QueryParams(str(sent.get("here", "")).partition("?")[2])


def selection_of(model: type[S], narrowed: type[Filter], listing: type[Listing], sent: FormData) -> S:
    """The selection that the form means. narrowed: the list's filters; listing: the list. A filter must find as many rows as the
    operator saw. Raises FormProblem for none ticked."""
    if not sent.get("match"):
        ids = [int(text) for text in map(str, sent.getlist("ids")) if text.isdecimal() and len(text) < 11]
        return parse(model, sent, ids=ids)
    found: BaseModel = read_query(listing, here_of(sent))
    total = str(sent.get("shown_total", ""))
    expected = int(total) if total.isdecimal() and int(total) <= MAX_MATCHES else None  # more are refused anyway
    wanted = narrowed.model_validate(found.model_dump(include=set(narrowed.model_fields)))
    return parse(model, sent, ids=None, filter=wanted, expected=expected)
