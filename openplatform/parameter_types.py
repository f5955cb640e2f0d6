"""What a system parameter may hold, by its type: asked by gateways of every call, by admin_api of the default that an operator gives."""

from collections.abc import Callable, Mapping

from openplatform.parameter_schema import SCALARS, TYPE_WORDS, clipped
from openplatform.protocol import parse_timestamp
from openplatform.records import SystemParam

Fits = Callable[[str], bool]
"""Whether a parameter's text, which is not empty, is of the type."""


def rule_of(param: SystemParam) -> tuple[Fits, str] | None:
    """What the parameter's values must be, and the words for it ("must be a whole number"); None = any text will do."""
    if param.value_type == "choice":
        return frozenset(param.choices).__contains__, "must be " + clipped(" or ".join(param.choices))
    return _RULES.get(param.value_type)


def _read_by(name: str) -> tuple[Fits, str]:
    """As business parameters of this type are read."""
    read = SCALARS[name]
    return lambda text: read(text) is not text, f"must be {TYPE_WORDS[name]}"


def _is_timestamp(text: str) -> bool:
    try:
        parse_timestamp(text)
    except (ValueError, OverflowError):
        return False
    return True


_RULES: Mapping[str, tuple[Fits, str]] = {
    **{name: _read_by(name) for name in ("integer", "number", "boolean")},
    "timestamp": (_is_timestamp, "must be a time: yyyy-MM-dd HH:mm:ss at GMT+8, or epoch milliseconds"),
}
