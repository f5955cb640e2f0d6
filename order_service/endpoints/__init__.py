"""The HTTP face of order_service: parameters in, checked; answers out."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from starlette.routing import BaseRoute

from order_service.endpoints.changing import changing_routes
from order_service.endpoints.reading import reading_routes
from order_service.service import OrderErrands, OrderReader, OrderUpdates

__all__ = ["routes"]


def routes(reader: OrderReader, updates: OrderUpdates, errands: OrderErrands, zone: ZoneInfo) -> Sequence[BaseRoute]:
    """Every path of order_service."""
    return [*reading_routes(reader, zone), *changing_routes(updates, errands, zone)]
