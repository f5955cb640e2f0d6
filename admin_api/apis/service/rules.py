"""What an API mapping may say: names, paths inside services, JSON documents."""

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from admin_api.tables.shapes import Body
from openplatform.parameter_schema import ParameterSchema

API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+")
_PLACEHOLDER = re.compile(r"\{([^{}/]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]*")
_MAX_JSON_BYTES = 64 * 1024


def inside_path(path: str) -> str:
    """The path as it is, or a ValueError that says why it is refused: it must not be able to name another host or folder."""
    if any(c.isspace() or ord(c) < 33 or ord(c) > 126 for c in path):
        raise ValueError("must hold printable ASCII only: no blanks, line breaks or other scripts")
    if "://" in path or not path.startswith("/"):
        raise ValueError("must be a path that starts with /: the host follows from service_id")
    if "//" in path:
        raise ValueError("must not hold //: that would name a host or an empty folder")
    if any(c in path for c in "?#\\%"):
        raise ValueError("must not hold ? # \\ or %: parameters go into the query by themselves")
    names = _PLACEHOLDER.findall(path)
    if any(_NAME.fullmatch(name) is None for name in names):
        raise ValueError("placeholders are {name}: letters, digits and _, not beginning with a digit")
    if len(set(names)) != len(names):
        raise ValueError("must name each placeholder once")
    if any(segment in (".", "..") for segment in _PLACEHOLDER.sub("", path).split("/")):
        raise ValueError("must not hold . or .. as a folder, nor beside a placeholder, which may be a dot itself")
    for segment in _PLACEHOLDER.sub("x", path).split("/"):
        if _SEGMENT.fullmatch(segment) is None:
            raise ValueError("holds characters that do not belong into a path, or a brace without its partner")
    return path


def _api_name(name: str) -> str:
    if API_NAME.fullmatch(name) is None:
        raise ValueError("must be words joined by dots, such as open.order.get")
    return name


def _parameter(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError("must be a parameter's name: letters, digits and _, not beginning with a digit")
    return name


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(to_json(value).encode())
    except (ValueError, RecursionError) as error:
        raise ValueError("holds values that JSON has no form for, or is nested too deeply") from error
    if size > _MAX_JSON_BYTES:
        raise ValueError(f"must not be longer than {_MAX_JSON_BYTES} bytes as JSON")
    return value


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type", "object") != "object":
        raise ValueError("must describe an object: the business parameters by name")
    if not isinstance(value.get("properties", {}), dict):
        raise ValueError("properties must be an object: parameter name to its schema")
    ParameterSchema(value)  # a ValueError of its own: what cannot be compiled here cannot be in a gateway
    return value


def to_json(value: object) -> str:
    """Compact JSON text as it is stored; ValueError for what JSON cannot say (NaN, lone surrogates)."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode()  # raises UnicodeEncodeError, a ValueError, for lone surrogates
    return text


class BreakerDraft(Body):
    """When this API's breaker opens: openplatform.records.BreakerRules, bounded."""

    window_s: Annotated[float, Field(ge=1, le=300)] = 10.0
    min_calls: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 20
    failure_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    slow_ratio: Annotated[float, Field(gt=0, le=1)] = 0.8
    slow_ms: Annotated[int, Field(strict=True, ge=1, le=60_000)] | None = None
    open_s: Annotated[float, Field(ge=0.1, le=600)] = 5.0
    permits: Annotated[int, Field(strict=True, ge=1, le=100)] = 3


ApiNameText = Annotated[str, StringConstraints(max_length=100), AfterValidator(_api_name)]
InsidePath = Annotated[str, StringConstraints(max_length=100), AfterValidator(inside_path)]
ServiceId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")]
ParameterName = Annotated[str, AfterValidator(_parameter)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
JsonSchema = Annotated[dict[str, Any], AfterValidator(_schema), AfterValidator(_storable)]
ListItems = Annotated[dict[ParameterName, ParameterName], Field(max_length=50)]
Sensitive = Annotated[list[ParameterName], Field(max_length=50)]
