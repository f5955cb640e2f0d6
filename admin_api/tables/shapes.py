"""The shapes of what is written into columns and read out of them: bases and field types of the API's models."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

UNSET: Any = None
"""Default of an edit's fields: not sent, so not changed. A field that was sent as null is refused unless its type allows it."""

MAX_ID = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def _readable(text: str) -> str:
    text = text.replace("\r\n", "\n")  # what browsers send of a text area
    if any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u2029" for c in text):
        raise ValueError("must not hold control characters")
    return text


def _single_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("must be one line")
    return _readable(text)


def _near(moment: datetime) -> datetime:
    # Far years overflow when they are moved to another zone.
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"must be between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment.astimezone(UTC)


# Lines: one line of text that is more than blanks; blanks around it are dropped. Notes: several lines, possibly none.
_LINE = AfterValidator(_single_line)
_NOTE = AfterValidator(_readable)
Line20 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20), _LINE]
Line50 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), _LINE]
Line100 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), _LINE]
Note50 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50), _LINE]
Note100 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), _LINE]
Note200 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), _NOTE]
Note255 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), _NOTE]
Note500 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), _NOTE]
Search = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), _LINE]

# Numbers are strict in bodies: `"5"`, 5.0 and true are none.
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
BodyId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
State = Annotated[int, Field(strict=True, ge=0, le=1, description="1 enabled, 0 disabled")]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_ID)]
Flag = Annotated[bool, Field(strict=True)]
Moment = Annotated[AwareDatetime, AfterValidator(_near)]


class Body(BaseModel):
    """A request's JSON object. Fields that it does not name are refused: nothing is assigned by accident."""

    model_config = ConfigDict(extra="forbid")


class Edit(Body):
    """A change of some fields of a row; `version` is that of the row it was made from."""

    version: BodyId

    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True, exclude={"version"})

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        shown = handler.resolve_ref_schema(handler(schema))
        for field in shown.get("properties", {}).values():
            if "default" in field and field["default"] is None:
                del field["default"]  # UNSET is no value that may be sent
        return shown


class View(BaseModel):
    """A row as the API shows it. Times are in the platform's zone."""

    @classmethod
    def of(cls, row: Mapping[str, Any], zone: ZoneInfo) -> Self:
        """The view of a row; columns that the view does not name stay hidden."""
        return cls.model_validate(
            {name: v.astimezone(zone) if isinstance(v, datetime) else v for name, v in row.items()}
        )
