"""What callers ask to be held, released or brought in, and where that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from openplatform.errors import OpenPlatformError, business_error
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection
from openplatform.web import Caller
from warehouse_service import repository
from warehouse_service.repository import Cause, Counts, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """cnt of a product in one warehouse, named by w_id or by its code: exactly one of the two. unit_cost: yuan, of received goods."""

    product_id: int
    cnt: int
    w_id: int | None = None
    warehouse_sn: str | None = None
    unit_cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What to release of a product; cnt None = all that the order holds of it."""

    product_id: int
    cnt: int | None = None


async def placed(connection: AsyncConnection, vender_id: int, lines: Sequence[Line]) -> list[tuple[int, Line]]:
    """(w_id, line) in the order in which all transactions take stock: by product_id, then w_id.

    Raises ServiceRejected `isv.stock-not-exists` for a code that none of the merchant's warehouses has.
    """
    codes = {line.warehouse_sn for line in lines if line.warehouse_sn is not None}
    numbers = await repository.find_by_code(connection, vender_id, codes) if codes else {}
    found = []
    for line in lines:
        w_id = line.w_id if line.warehouse_sn is None else numbers.get(line.warehouse_sn)
        if w_id is None:
            raise stock_not_exists(line.product_id, line.warehouse_sn)
        found.append((w_id, line))
    return sorted(found, key=lambda place: (place[1].product_id, place[0]))


def cause_of(caller: Caller, reference: str, clock: Clock) -> Cause:
    """Who asked, why, and now."""
    return Cause(
        vender_id=caller.vender_id,
        reference=reference,
        app_key=caller.app_key,
        request_id=caller.request_id,
        at=datetime.fromtimestamp(clock.now(), UTC),
    )


async def record(
    connection: AsyncConnection,
    kind: Kind,
    cause: Cause,
    product_id: int,
    w_id: int,
    cnt: int,
    *,
    unit_cost: Decimal | None = None,
    cost_before: Decimal | None = None,
) -> Counts:
    """Writes the movement of a line that this transaction has just changed, so that nobody else can have changed it since.

    Returns what the line holds now. cost_before: the average cost before, None = as it is now.
    """
    after = await repository.find_counts(connection, cause.vender_id, product_id, w_id)
    if after is None:
        raise RuntimeError(f"product {product_id} in warehouse {w_id} vanished under its lock")
    await repository.add_movement(
        connection, kind, cause, product_id, w_id, cnt, after, unit_cost=unit_cost, cost_before=cost_before
    )
    return after


def stock_not_exists(product_id: int, warehouse: object) -> OpenPlatformError:
    """The same answer for what is not there and for another merchant's."""
    return business_error(
        "isv.stock-not-exists", f"there is no product {product_id} in warehouse {warehouse}", http_status=404
    )


def warehouse_disabled(w_id: int, why: str) -> OpenPlatformError:
    """why: what a disabled warehouse cannot do."""
    return business_error("isv.warehouse-disabled", f"warehouse {w_id} is disabled: {why}", http_status=409)
