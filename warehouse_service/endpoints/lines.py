"""The parameter `items`: JSON text of what is to be held, released or brought in."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from openplatform.arguments import Arguments, whole_number
from openplatform.web import invalid, missing
from warehouse_service.service import Line, Release

INT, SMALLINT = 2**31 - 1, 2**15 - 1  # of the columns
_MOST_LINES = 100
_YUAN = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?")  # decimal(8,2)


def lines_of(arguments: Arguments, *, with_cost: bool = False) -> list[Line]:
    """Each product once, with its warehouse and a count; with_cost: and a unit_cost."""
    items = arguments.objects("items", at_most=_MOST_LINES)
    if items is None:
        raise missing("items")
    lines = []
    for item in items:
        code = item.get("warehouse_sn")
        if ("w_id" in item) == (code is not None):
            raise invalid("items", "must name the warehouse of each line by w_id or by warehouse_sn, not both")
        if code is not None and (not isinstance(code, str) or not 1 <= len(code) <= 5 or "\0" in code):
            raise invalid("items.warehouse_sn", "must be a code of at most 5 characters")
        w_id = None if code is not None else whole_number("items.w_id", item["w_id"], low=1, high=SMALLINT)
        cnt = whole_number("items.cnt", item.get("cnt"), low=1, high=INT)
        cost = _yuan("items.unit_cost", item.get("unit_cost")) if with_cost else None
        lines.append(Line(product_id=_product_id(item), cnt=cnt, w_id=w_id, warehouse_sn=code, unit_cost=cost))
    _check_distinct([line.product_id for line in lines])
    return lines


def releases_of(arguments: Arguments) -> list[Release] | None:
    """Each product once, with a count or without; None = not given."""
    items = arguments.objects("items", at_most=_MOST_LINES)
    if items is None:
        return None
    releases = []
    for item in items:
        cnt = whole_number("items.cnt", item["cnt"], low=1, high=INT) if "cnt" in item else None
        releases.append(Release(product_id=_product_id(item), cnt=cnt))
    _check_distinct([release.product_id for release in releases])
    return releases


def _product_id(item: dict[str, Any]) -> int:
    return whole_number("items.product_id", item.get("product_id"), low=1, high=INT)


def _yuan(name: str, value: object) -> Decimal:
    # repr of a JSON number gives its shortest form back: 12.30 comes as 12.3, never as 12.300000000000001
    text = value if isinstance(value, str) else repr(value)
    if isinstance(value, bool) or not _YUAN.fullmatch(text):
        raise invalid(name, "must be yuan from 0 to 999999.99 with at most 2 decimals")
    return Decimal(text)


def _check_distinct(product_ids: Sequence[int]) -> None:
    twice = {product_id for product_id in product_ids if product_ids.count(product_id) > 1}
    if twice:
        raise invalid("items", f"must name each product once: {', '.join(map(str, sorted(twice)))}")
