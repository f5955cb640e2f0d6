"""The admission counters are complete only after admin_api has said so."""

from admin_api.settings import AdminSettings
from openplatform.adapters.embedded import Embedded
from tests.admin_world import eventually, open_world


async def test_a_new_store_is_made_ready(settings: AdminSettings) -> None:
    """The relay restores the counters of an empty Redis, and by the time the catalogue is complete gateways may count."""
    async with open_world(settings, Embedded()) as world:
        await eventually(world.resources.catalog_writer.is_complete)
        assert await world.resources.counters.is_complete()
