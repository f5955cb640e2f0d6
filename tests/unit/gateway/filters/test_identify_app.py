"""Stage 2: the app, and what a caller can learn about others' apps."""

import pytest

from gateway.filters.identify_app import IdentifyApp
from openplatform.errors import OpenPlatformError
from tests.unit.gateway.filters.calls import a_call, app_entry
from tests.unit.gateway.filters.catalogs import a_catalog


async def test_an_enabled_app_is_found() -> None:
    """The call carries it from here on."""
    call = a_call({"app_key": "1023", "sign": "00"})
    IdentifyApp(await a_catalog(app_entry(id=7)))(call)
    assert call.app is not None and call.app.app.id == 7


@pytest.mark.parametrize("sign_method", ["", "hmac-sha256", "rot13"])
async def test_unknown_and_disabled_are_the_same_to_a_caller(sign_method: str) -> None:
    """Both are 29 with the same words, whatever the signature's method."""
    filter_ = IdentifyApp(await a_catalog(app_entry(enabled=False)))
    told = set()
    for app_key in ("1023", "nobody"):
        with pytest.raises(OpenPlatformError) as caught:
            filter_(a_call({"app_key": app_key, "sign": "00", "sign_method": sign_method}))
        told.add((caught.value.code, caught.value.sub_code, caught.value.sub_msg))
    assert len(told) == 1 and next(iter(told))[0] == 29


@pytest.mark.parametrize(
    ("networks", "address", "admitted"),
    [
        ((), "198.51.100.1", True),
        (("203.0.113.0/24",), "203.0.113.9", True),
        (("203.0.113.0/24",), "::ffff:203.0.113.9", True),
        (("203.0.113.0/24", "2001:db8::/32"), "2001:db8::1", True),
        (("203.0.113.0/24",), "203.0.114.1", False),
        (("203.0.113.0/24",), "2001:db8::1", False),
        (("2001:db8::/32",), "203.0.113.9", False),
        (("203.0.113.0/24",), "", False),
        (("203.0.113.0/24",), "unix", False),
    ],
)
async def test_an_app_with_a_list_is_called_from_there_only(
    networks: tuple[str, ...], address: str, admitted: bool
) -> None:
    """Error 11 from anywhere else; a list that is empty is none."""
    filter_ = IdentifyApp(await a_catalog(app_entry(ip_allow=networks)))
    call = a_call({"app_key": "1023", "sign": "00"})
    call.remote_ip = address
    if admitted:
        filter_(call)
        return
    with pytest.raises(OpenPlatformError) as caught:
        filter_(call)
    assert (caught.value.code, caught.value.sub_code) == (11, "isv.permission-ip-whitelist-limit")
