"""The state of a list lives in its URL: read with silent fallbacks, written into the links of headers and pages."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams

from admin_api.tables.listing import Listing

L = TypeVar("L", bound=BaseModel)

SIZES = (20, 50, 100)


def read_query(model: type[L], query: QueryParams, **defaults: Any) -> L:
    """The model filled from the query; what is unknown, empty or invalid falls back to the default. Raises ValidationError
    only when the defaults themselves do not fit."""
    names = {field.alias or name: field for name, field in model.model_fields.items()}
    given: dict[str, Any] = dict(defaults)
    for name, field in names.items():
        values = [value for value in query.getlist(name) if value.strip()]
        if values:
            is_many = str(field.annotation).startswith("list")
            given[name] = values if is_many else values[-1]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        wrong = {str(found["loc"][0]) for found in error.errors() if found["loc"]}
        kept = {name: value for name, value in given.items() if name not in wrong}
        return model.model_validate(defaults | kept)


class ListState:
    """A list's URL: where it is, what narrows it, how it is sorted, which page. For templates."""

    def __init__(self, path: str, listing: Listing, total: int, *, default_size: int = 20) -> None:
        shown = listing.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
        if listing.size == default_size:
            shown.pop("size", None)
        else:
            shown["size"] = listing.size
        self.path = path
        self.listing = listing
        self.total = total
        self.sort: str = getattr(listing, "sort", "")
        self._params: dict[str, Any] = shown

    @property
    def page(self) -> int:
        return self.listing.page

    @property
    def size(self) -> int:
        return self.listing.size

    @property
    def pages(self) -> int:
        """How many there are, at least 1."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The number of this page's first row, from 1; 0 for an empty list."""
        return 0 if self.total == 0 else (self.page - 1) * self.size + 1

    @property
    def last(self) -> int:
        return min(self.page * self.size, self.total)

    @property
    def filters(self) -> Mapping[str, Any]:
        """What narrows the list: neither sort nor page nor size."""
        return {name: value for name, value in self._params.items() if name not in ("sort", "page", "size")}

    @property
    def kept(self) -> Mapping[str, Any]:
        """What a filter form carries along as hidden fields."""
        return {name: value for name, value in self._params.items() if name in ("sort", "size")}

    def url(self, **changes: Any) -> str:
        """This list with other parameters; None = without. Any change but that of the page begins at page 1."""
        params = dict(self._params)
        if "page" not in changes:
            params.pop("page", None)
        params |= changes
        if params.get("page") == 1:
            params["page"] = None
        query = urlencode({name: value for name, value in params.items() if value is not None}, doseq=True)
        return f"{self.path}?{query}" if query else self.path

    def export_url(self, path: str, lang: str) -> str:
        """The same filters at the JSON API's export; lang: zh-CN or en."""
        return f"{path}?{urlencode({**self.filters, 'lang': 'en' if lang == 'en' else 'zh'}, doseq=True)}"

    def sorted_by(self, column: str) -> str:
        """For aria-sort: ascending, descending or none."""
        if self.sort.removeprefix("-") != column:
            return "none"
        return "descending" if self.sort.startswith("-") else "ascending"

    def sort_url(self, column: str) -> str:
        """Sorted by the column; by another click the other way round."""
        return self.url(sort=f"-{column}" if self.sort == column else column)

    def pages_shown(self) -> list[int]:
        """The numbers around this page, with the first and the last; 0 stands for a gap."""
        near = {1, self.pages, *range(self.page - 2, self.page + 3)}
        wanted = sorted(page for page in near if 1 <= page <= self.pages)
        shown: list[int] = []
        for page in wanted:
            if shown and page != shown[-1] + 1:
                shown.append(0)
            shown.append(page)
        return shown
