"""The migrations of warehouse_service build exactly what its tables say."""

from pathlib import Path

import pytest

from tests.business_schema import assert_migrations_build_the_tables
from tests.business_services import BACKENDS
from warehouse_service.tables import metadata


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_migrated_schema_is_the_one_of_the_tables(
    request: pytest.FixtureRequest, backend: str, tmp_path: Path
) -> None:
    """Types, lengths, keys, indexes, checks, collations and comments; a downgrade leaves nothing, an upgrade may repeat."""
    await assert_migrations_build_the_tables(request, backend, tmp_path, "warehouse_service", metadata)
