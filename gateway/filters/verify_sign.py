"""Stage 3, signature: by one of the app's live secrets."""

from gateway.call import Call
from gateway.failed_signatures import FailedSignatures
from openplatform.errors import APP_LIMITED, INVALID_ENCODING, INVALID_SIGN_METHOD, INVALID_SIGNATURE
from openplatform.ports import Clock
from openplatform.signing import SIGN_METHODS, is_signed, sign_fault


class VerifySign:
    """Checks `sign` over all text parameters and the raw body.

    failures_per_minute: wrong ones of one app from one address that are told so; more are told to wait, a right one always passes.
    """

    def __init__(self, clock: Clock, *, failures_per_minute: int) -> None:
        self._failures = FailedSignatures(per_minute=failures_per_minute, monotonic=clock.monotonic)

    def __call__(self, call: Call) -> None:
        app = call.app
        assert app is not None
        params = call.params
        method = params.get("sign_method") or "md5"
        if method not in SIGN_METHODS:
            raise INVALID_SIGN_METHOD()
        if method == "md5" and not app.app.md5_allowed:
            raise INVALID_SIGN_METHOD("this app does not accept md5: use hmac-sha256")
        try:
            signed = is_signed(app.keys, params["sign"], method, params, call.signed_body)
        except UnicodeEncodeError:
            raise INVALID_ENCODING() from None
        if not signed:
            wait = self._failures.wait_s(call.remote_ip, app.app.app_key)
            if wait:
                raise APP_LIMITED(seconds=wait, retry_after_s=wait)
            raise INVALID_SIGNATURE(sign_fault(params["sign"], method) or None)
