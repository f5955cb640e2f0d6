"""Stage 4: granted, open, or refused."""

import pytest

from gateway.filters.check_permission import CheckPermission
from openplatform.errors import OpenPlatformError
from openplatform.records import Grant
from tests.unit.gateway.filters.calls import a_call, app_entry, route_entry

GRANT = Grant(daily_limit=5, data_scope="pii")


@pytest.mark.parametrize("is_open", [True, False])
def test_a_granted_api_is_callable_and_the_grant_stays_on_the_call(is_open: bool) -> None:
    """An open API may be granted too: for limits and data scope."""
    call = a_call(app=app_entry(grants={"open.a.get": GRANT}), route=route_entry(is_open=is_open))
    CheckPermission()(call)
    assert call.grant == GRANT


def test_an_open_api_needs_no_grant() -> None:
    """It is callable, and nothing in particular is granted."""
    call = a_call(app=app_entry(), route=route_entry(is_open=True))
    CheckPermission()(call)
    assert call.grant is None


def test_any_other_api_is_refused() -> None:
    """11, whatever else the app may call; names are compared as they are."""
    call = a_call(app=app_entry(grants={"open.a.Get": GRANT, "open.a": GRANT}), route=route_entry())
    with pytest.raises(OpenPlatformError) as caught:
        CheckPermission()(call)
    assert (caught.value.code, caught.value.sub_code) == (11, "isv.permission-api-package-limit")
