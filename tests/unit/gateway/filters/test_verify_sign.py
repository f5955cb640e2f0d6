"""Stage 3: whose signature counts."""

import pytest

from gateway.call import Call
from gateway.catalog_entries import AppEntry
from gateway.failed_signatures import MAX_CALLERS, FailedSignatures
from gateway.filters.verify_sign import VerifySign
from openplatform.errors import OpenPlatformError
from openplatform.signing import SIGN_METHODS, SigningKey, canonical_text
from tests.unit.gateway.filters.calls import SEAL, SECRET, StoppedClock, a_call, app_entry


class TurnedClock(StoppedClock):
    """Its time is what the test says."""

    time = 100.0

    def monotonic(self) -> float:
        return self.time


def checked(params: dict[str, str], app: AppEntry | None = None, body: bytes = b"") -> Call:
    """The call after the stage; raises what the stage raises."""
    call = a_call(params, app=app or app_entry(), signed_body=body)
    VerifySign(StoppedClock(), failures_per_minute=9)(call)
    return call


def signed(method: str, *, secret: str = SECRET, **params: str) -> dict[str, str]:
    """Parameters with a signature by the secret; "" = the parameter sign_method is left out."""
    params = {"app_key": "1023", "order_id": "8", **params} | ({"sign_method": method} if method else {})
    return params | {"sign": SigningKey(secret).sign(canonical_text(params), method or "md5")}


@pytest.mark.parametrize("method", ["", *SIGN_METHODS])
def test_each_method_signs_and_md5_is_the_default(method: str) -> None:
    """A signature by the app's secret passes; one by another secret is 25."""
    checked(signed(method))
    with pytest.raises(OpenPlatformError, match=r"isv\.invalid-signature"):
        checked(signed(method, secret="another"))


def test_both_live_secrets_sign() -> None:
    """While a secret is replaced, the old one and the new one are right."""
    sealed = tuple(SEAL.seal(secret, "app_info|1023") for secret in ("new", "old"))
    for secret in ("new", "old"):
        checked(signed("hmac", secret=secret), app_entry(sealed_secrets=sealed))


@pytest.mark.parametrize(
    ("params", "app"),
    [({"sign_method": "sha1"}, app_entry()), ({}, app_entry(md5_allowed=False))],
    ids=["unknown", "md5 off"],
)
def test_a_method_that_does_not_count_says_so(params: dict[str, str], app: AppEntry) -> None:
    """An unknown method, and md5 where the app does not accept it, are their own sub_code."""
    with pytest.raises(OpenPlatformError, match=r"isv\.invalid-sign-method"):
        checked(signed("") | params, app)


def test_the_raw_body_is_signed() -> None:
    """A body that is no form is part of what is signed."""
    params = {"app_key": "1023"}
    params["sign"] = SigningKey(SECRET).sign(canonical_text(params, b"<xml/>"))
    checked(params, body=b"<xml/>")
    with pytest.raises(OpenPlatformError, match=r"isv\.invalid-signature"):
        checked(params, body=b"<xml>")


def test_half_a_character_is_the_callers_encoding() -> None:
    """A lone surrogate, which JSON can carry, cannot be signed: 47, no bug of ours."""
    with pytest.raises(OpenPlatformError) as caught:
        checked({"app_key": "1023", "name": "\ud800", "sign": "00"})
    assert caught.value.code == 47


def test_many_wrong_signatures_are_told_to_wait() -> None:
    """The fourth in a minute is 7 with the wait in TOP's words; a right one, another address and another app hear nothing of it."""
    clock = TurnedClock()
    verify = VerifySign(clock, failures_per_minute=3)

    def code(address: str, app_key: str = "1023", secret: str = "wrong") -> int:
        sealed = (SEAL.seal(SECRET, f"app_info|{app_key}"),)
        app = app_entry(app_key=app_key, sealed_secrets=sealed)
        call = a_call(signed("hmac", secret=secret), app=app)
        call.remote_ip = address
        try:
            verify(call)
        except OpenPlatformError as error:
            assert error.code == 25 or error.sub_msg == f"This ban will last for {error.retry_after_s} more seconds"
            return error.code
        return 0

    assert [code("10.0.0.1") for _ in range(5)] == [25, 25, 25, 7, 7]
    assert code("10.0.0.1", secret=SECRET) == 0
    assert (code("10.0.0.2"), code("10.0.0.1", "1024")) == (25, 25)
    clock.time += 60
    assert code("10.0.0.1") == 25


def test_failures_are_remembered_within_bounds() -> None:
    """However many addresses fail, memory holds a bounded number of them."""
    failures = FailedSignatures(per_minute=1, monotonic=StoppedClock().monotonic)
    for n in range(2 * MAX_CALLERS + 5):
        assert failures.wait_s(f"address {n}", "app") == 0
    assert len(failures._failures) <= MAX_CALLERS
