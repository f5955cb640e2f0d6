"""What an operator chose for the console: language, theme, time zone, rows per page, columns of tables."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from admin_api.access.repository.preferences import keep_preferences, kept_preferences
from admin_api.outbox.changes import Change
from admin_api.tables.shapes import Body
from openplatform.sql import AsyncConnection


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what is no name, names no zone, or names a folder of zones
        raise ValueError("must be a time zone's name, such as Asia/Shanghai") from None
    return name


ZoneName = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$"), AfterValidator(_zone)]
Word = Annotated[str, StringConstraints(max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")]


class Preferences(Body):
    """language, theme: null = what the browser asks for; time_zone: null = the platform's; columns: of which table which, in order."""

    language: Literal["zh-CN", "en"] | None = None
    theme: Literal["light", "dark"] | None = None
    time_zone: ZoneName | None = None
    page_size: Literal[20, 50, 100] = 20
    columns: Annotated[dict[Word, Annotated[list[Word], Field(max_length=50)]], Field(max_length=50)] = {}


async def preferences_of(connection: AsyncConnection, user_id: int) -> Preferences:
    """The operator's; defaults for who chose nothing yet."""
    kept = await kept_preferences(connection, user_id)
    return Preferences() if kept is None else Preferences.model_validate_json(kept)


async def change_preferences(change: Change, wanted: Preferences) -> Preferences:
    """Changes the fields that were sent. No audit: they concern nobody else."""
    user_id = change.by.user_id or 0
    current = await preferences_of(change.connection, user_id)
    merged = Preferences.model_validate(current.model_dump() | wanted.model_dump(exclude_unset=True))
    await keep_preferences(change.connection, user_id, merged.model_dump_json())
    return merged
