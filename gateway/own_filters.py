"""The operator's own filters: named in the settings, made at the start, or the reason why the gateway does not start."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gateway.call import Filter
from gateway.resources import Resources
from gateway.settings import FILTER_POSITIONS, GatewaySettings
from openplatform.errors import SettingsError

FilterFactory = Callable[[Resources, GatewaySettings], Filter]
"""What a name in PAILOU_FILTERS leads to: called once per process."""


@dataclass(frozen=True, slots=True)
class OwnFilters:
    """In the order of the settings.

    pre: after all checks, before anything is spent; routing: before the service is asked, `call.service_body` set = it is not;
    post: before the service's body becomes the answer; error: before `call.error` becomes the answer.
    """

    pre: tuple[Filter, ...] = ()
    routing: tuple[Filter, ...] = ()
    post: tuple[Filter, ...] = ()
    error: tuple[Filter, ...] = ()


def load_own_filters(resources: Resources, settings: GatewaySettings) -> OwnFilters:
    """Imports and makes them. Raises SettingsError that names every one that is broken, and how."""
    made: dict[str, list[Filter]] = {position: [] for position in FILTER_POSITIONS}
    broken: list[str] = []
    for word in settings.filters:
        position, _, name = word.partition("=")
        try:
            made[position].append(_make(name, resources, settings))
        except Exception as error:
            broken.append(f"  {word}: {type(error).__name__}: {error}")
    if broken:
        raise SettingsError("PAILOU_FILTERS: filters that cannot be used:\n" + "\n".join(broken))
    return OwnFilters(**{position: tuple(filters) for position, filters in made.items()})


def _make(name: str, resources: Resources, settings: GatewaySettings) -> Filter:
    module, _, path = name.partition(":")
    factory: Any = import_module(module)
    for part in path.split("."):
        factory = getattr(factory, part)
    made = factory(resources, settings)
    if not callable(made):
        raise TypeError(f"the factory gave {made!r}, which cannot be called with a call")
    return made  # type: ignore[no-any-return]  # that it takes a Call shows at the first one
