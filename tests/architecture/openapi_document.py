"""The admin API's OpenAPI document as the code describes it, and as docs/openapi.json holds it."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from admin_api.app import create_app, open_resources
from admin_api.settings import AdminSettings
from openplatform.adapters.embedded import Embedded
from tests.admin_world import MASTER_KEYS

PAGE = Path(__file__).parents[2] / "docs" / "openapi.json"


def text(document: dict[str, Any]) -> str:
    """As it is committed: one order, one key a line, so that a difference shows what changed."""
    paths = {path: document["paths"][path] for path in sorted(document["paths"])}
    return json.dumps(document | {"paths": paths}, ensure_ascii=False, indent=1, sort_keys=False) + "\n"


async def described() -> dict[str, Any]:
    """The document of an application that nothing is asked of."""
    with tempfile.TemporaryDirectory() as folder:
        settings = AdminSettings(
            database_url=f"sqlite+aiosqlite:///{folder}/none.db", redis_url="memory://", rabbitmq_url="memory://",
            internal_keys=("key-of-the-architecture-tests",), master_keys=MASTER_KEYS,
        )  # fmt: skip
        async with open_resources(settings, Embedded()) as resources:
            app: Any = create_app(resources, settings)
            document: dict[str, Any] = app._app.openapi()  # the application in the doorway
            return document


if __name__ == "__main__":
    PAGE.write_text(text(asyncio.run(described())), encoding="utf-8")
