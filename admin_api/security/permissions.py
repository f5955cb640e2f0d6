"""What an operator may do: permissions such as `gw:app:edit`, granted by the menus of their roles."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import APIRoute

EVERYTHING = "*:*:*"
"""The built-in administrator's permission; no menu can grant it."""

PERMS_PATTERN = re.compile(r"[A-Za-z]{1,30}(:[A-Za-z]{1,30}){0,2}(:\*)?")

PUBLIC = "public"
SIGNED_IN = "signed-in"


@dataclass(frozen=True, slots=True)
class Permissions:
    """A set of granted permissions. A `*` stands for any one part: `gw:app:*` allows `gw:app:edit`; `*:*:*` allows everything."""

    granted: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, granted: Iterable[str]) -> "Permissions":
        return cls(frozenset(granted))

    @property
    def is_administrator(self) -> bool:
        return EVERYTHING in self.granted

    def allows(self, wanted: str) -> bool:
        """True if one grant covers it. A wanted wildcard is covered only by the same or a wider one."""
        return self.is_administrator or wanted in self.granted or any(_covers(grant, wanted) for grant in self.granted)

    def allows_all(self, wanted: Iterable[str]) -> bool:
        return all(self.allows(perms) for perms in wanted)


def needs(perms: str) -> dict[str, Any]:
    """Declares what a route asks for, as `openapi_extra`: the document shows what the guard enforces, from one place."""
    return {"x-perms": [perms]}


def perms_of(route: APIRoute) -> str:
    """The declared permission of a route. Raises TypeError for a route without one: nothing is open by omission."""
    declared = (route.openapi_extra or {}).get("x-perms")
    if not declared:
        raise TypeError(f"{route.path} declares no permission: pass openapi_extra=needs(…)")
    return str(declared[0])


def _covers(grant: str, wanted: str) -> bool:
    have, want = grant.split(":"), wanted.split(":")
    return len(have) == len(want) and all(h in ("*", w) for h, w in zip(have, want, strict=True))
