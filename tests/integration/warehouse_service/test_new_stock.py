"""Warehouses and stock in bulk, and what the database itself refuses."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from openplatform.sql import Database
from tests.business_services import MERCHANT, add_stock, add_warehouse, rows_of
from tests.integration.warehouse_service.conftest import Stocked
from warehouse_service.tables import stock_movement, warehouse_product


async def test_opening_stock_leaves_a_movement(database: Database, stocked: Stocked) -> None:
    """From nothing to what is on hand."""
    first = (await rows_of(database, stock_movement))[0]
    assert (first["kind"], first["cnt"], first["reference"]) == ("opening", 10, "opening")
    assert (first["current_before"], first["current_after"], first["lock_after"]) == (0, 10, 0)


async def test_codes_are_unique_and_stock_goes_into_own_warehouses_only(database: Database, stocked: Stocked) -> None:
    """Over all merchants, letter case counting."""
    with pytest.raises(IntegrityError):
        await add_warehouse(database, "WH900")
    assert await add_warehouse(database, "wh900") > 0
    with pytest.raises(LookupError):
        await add_stock(database, stocked.foreign, {5: 1}, MERCHANT)
    with pytest.raises(IntegrityError):
        await add_stock(database, stocked.main, {1001: 1})


@pytest.mark.parametrize(
    "change",
    [{"lock_cnt": 11}, {"lock_cnt": -1}, {"current_cnt": -1}, {"in_transit_cnt": -1}],
)
async def test_the_database_refuses_what_no_code_should_try(
    database: Database, stocked: Stocked, change: dict[str, int]
) -> None:
    """Neither held more than on hand, nor anything below zero."""
    row = sa.and_(warehouse_product.c.product_id == 1001, warehouse_product.c.w_id == stocked.main)
    with pytest.raises(DBAPIError, match="never_below_zero"):
        async with database.begin() as connection:
            await connection.execute(warehouse_product.update().where(row).values(change))
