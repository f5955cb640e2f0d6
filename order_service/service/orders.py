"""Orders, searched and read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from openplatform.arguments import written_time
from openplatform.errors import OpenPlatformError, business_error
from openplatform.sql import Database
from order_service import repository
from order_service.repository import OrderFilter, Position
from order_service.service.cursors import Progress, search_cursor, search_position, sync_cursor
from order_service.service.masking import masked

Answer = dict[str, Any]
_POSITION = ("modified", "id")


class OrderReader:
    """Answers `open.order.search`, `.get` and `.increment.get`. All raise PlatformUnavailable when the database is down.

    pii: personal data is shown as it is, and not masked.
    """

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    async def search(
        self, wanted: OrderFilter, *, fields: Sequence[str], page_no: int, page_size: int, pii: bool = False
    ) -> Answer:
        """One page of orders: `{"orders": […], "total_results", "page_no", "page_size", "next_cursor"}`, sorted by modified, then id.

        fields: columns of repository.ORDER_COLUMNS. A page beyond the last is empty; the last has no next_cursor.
        """
        skipped = (page_no - 1) * page_size
        async with self._database.read() as connection:
            total = await repository.count_orders(connection, wanted)
            rows: list[Answer] = []
            if skipped < total:  # also keeps an offset that no database can count out of the query
                columns = (*fields, *_POSITION)
                rows = await repository.find_orders(connection, wanted, columns, limit=page_size + 1, offset=skipped)
        page = self._page(rows, wanted, fields, page_size, pii)
        return page | {"total_results": total, "page_no": page_no, "page_size": page_size}

    async def search_on(
        self, wanted: OrderFilter, cursor: str, *, fields: Sequence[str], page_size: int, pii: bool = False
    ) -> Answer:
        """The page after the one that gave the cursor: `{"orders": […], "page_size", "next_cursor"}`.

        No order is left out that matched all the time; one that was changed meanwhile may come once more, as it is now. Raises
        ServiceRejected `isv.invalid-parameter:cursor`.
        """
        after = search_position(cursor, wanted)
        columns = (*fields, *_POSITION)
        async with self._database.read() as connection:
            rows = await repository.find_orders(connection, wanted, columns, limit=page_size + 1, after=after)
        return self._page(rows, wanted, fields, page_size, pii) | {"page_size": page_size}

    async def changes(
        self, vender_id: int, progress: Progress, *, fields: Sequence[str], page_size: int, pii: bool = False
    ) -> Answer:
        """A page of orders that were changed: `{"orders": […], "has_more", "next_cursor"}`, in the order of their last change.

        A pass ends where the last change was when it began (has_more is false then), and has each order at most once; the next
        begins there. Whoever goes on with next_cursor for ever gets every change, however many are committed meanwhile.
        """
        async with self._database.read() as connection:
            until, after = progress.until, progress.after
            if until is None:
                until = await repository.last_turn(connection, vender_id)
                if progress.since is not None:
                    first = await repository.first_change(connection, vender_id, progress.since)
                    after = until if first is None else first - 1
            rows = await repository.find_changes(
                connection,
                vender_id,
                (*fields, "change_seq"),
                after=after,
                until=until,
                since=progress.since,
                limit=page_size + 1,
            )
        has_more = len(rows) > page_size
        rows = rows[:page_size]
        further = Progress(rows[-1]["change_seq"], until, progress.since) if has_more else Progress(until)
        orders = [self._shown(_only(fields, row), pii) for row in rows]
        return {"orders": orders, "has_more": has_more, "next_cursor": sync_cursor(further)}

    async def get(self, vender_id: int, order_id: int, *, pii: bool = False) -> Answer:
        """`{"order": {…, "items": […], "coupons": […]}}`. Raises ServiceRejected `isv.order-not-exists`."""
        async with self._database.read() as connection:
            order = await repository.find_order(connection, vender_id, order_id)
            if order is None:
                raise order_not_exists(order_id)
            items = await repository.find_items(connection, vender_id, order_id)
            coupons = await repository.find_coupons(connection, vender_id, order_id)
        lines = {
            "items": [self._shown(item, pii) for item in items],
            "coupons": [self._shown(coupon, pii) for coupon in coupons],
        }
        return {"order": self._shown(order, pii) | lines}

    def _page(
        self, rows: list[Answer], wanted: OrderFilter, fields: Sequence[str], page_size: int, pii: bool
    ) -> Answer:
        """The rows of a page, one more than it holds if there are more."""
        shown = [self._shown(_only(fields, row), pii) for row in rows[:page_size]]
        if len(rows) <= page_size:
            return {"orders": shown}
        last = rows[page_size - 1]
        return {"orders": shown, "next_cursor": search_cursor(Position(last["modified"], last["id"]), wanted)}

    def _shown(self, row: Answer, pii: bool) -> Answer:
        # str(): SQLAlchemy's names are a subclass of str, which orjson refuses as keys.
        return {
            str(name): written_time(value, self._zone) if isinstance(value, datetime) else value
            for name, value in (row if pii else masked(row)).items()
        }


def _only(fields: Sequence[str], row: Answer) -> Answer:
    return {name: row[name] for name in fields}


def order_not_exists(order_id: int) -> OpenPlatformError:
    """The same answer for an order that is not there and for another merchant's."""
    return business_error("isv.order-not-exists", f"there is no order {order_id}", http_status=404)
