"""Who is behind a request: an operator with permissions, or the platform itself."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from admin_api.security.permissions import EVERYTHING, Permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A signed-in operator. user_id: None = the platform itself; session_hash: what their session is stored under."""

    user_id: int | None
    email: str
    real_name: str = ""
    permissions: Permissions
    must_change_password: bool = False
    session_hash: str = ""
    remote_ip: str = ""
    request_id: str = ""


SYSTEM = Operator(user_id=None, email="system", permissions=Permissions.of([EVERYTHING]))
"""Jobs, seeds and commands."""


def operator_of(request: Request) -> Operator:
    """The operator whom the guard let in."""
    operator: Operator = request.state.operator
    return operator


By = Annotated[Operator, Depends(operator_of)]
"""An endpoint's parameter: who asks."""


def remote_ip_of(request: Request) -> str:
    """The caller's address, at most 45 characters. Behind a proxy the server takes it from X-Forwarded-For."""
    return request.client.host[:45] if request.client else ""
