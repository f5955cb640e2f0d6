"""Warehouses made and changed by their merchant."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from openplatform.errors import business_error
from openplatform.idempotency import CallKey, change_once
from openplatform.ports import Clock
from openplatform.sql import AsyncConnection, Database
from warehouse_service import repository
from warehouse_service.service.reading import shown_row, warehouse_not_exists
from warehouse_service.tables import idempotency_record

Answer = dict[str, Any]


class WarehouseBook:
    """Answers `open.warehouse.create` and `.update`: `{"warehouse": {…}}`, the warehouse as it is then."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone

    async def create(self, vender_id: int, values: Mapping[str, object], key: CallKey) -> Answer:
        """values: columns of warehouse_info, warehouse_sn and warehouse_name at least. Raises ServiceRejected
        `isv.warehouse-code-taken`: a code belongs to one warehouse of the whole platform."""
        return await self._once(key, partial(self._create, vender_id, values))

    async def update(self, vender_id: int, w_id: int, values: Mapping[str, object], key: CallKey) -> Answer:
        """values: columns to be set, one at least. Raises ServiceRejected `isv.warehouse-not-exists`."""
        return await self._once(key, partial(self._update, vender_id, w_id, values))

    async def _once(self, key: CallKey, change: Any) -> Answer:
        return await change_once(self._database, idempotency_record, key, self._clock, change)

    async def _create(self, vender_id: int, values: Mapping[str, object], connection: AsyncConnection) -> Answer:
        if await repository.code_is_taken(connection, str(values["warehouse_sn"])):
            raise business_error(
                "isv.warehouse-code-taken",
                f"the code {values['warehouse_sn']} is taken: choose another",
                http_status=409,
            )
        row = {"vender_id": vender_id, "modified_time": self._now()} | dict(values)
        [w_id] = await repository.add_warehouses(connection, [row])
        return await self._shown(vender_id, w_id, connection)

    async def _update(
        self, vender_id: int, w_id: int, values: Mapping[str, object], connection: AsyncConnection
    ) -> Answer:
        changed = {"modified_time": self._now()} | dict(values)
        await repository.change_warehouse(connection, vender_id, w_id, changed)
        return await self._shown(vender_id, w_id, connection)

    async def _shown(self, vender_id: int, w_id: int, connection: AsyncConnection) -> Answer:
        row = await repository.find_warehouse(connection, vender_id, w_id)
        if row is None:
            raise warehouse_not_exists(w_id)
        return {"warehouse": shown_row(row, self._zone)}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)
