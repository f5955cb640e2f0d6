"""Stage 3, signature: by one of the app's live secrets."""

from gateway.call import Call
from openplatform.errors import INVALID_ENCODING, INVALID_SIGN_METHOD, INVALID_SIGNATURE
from openplatform.signing import SIGN_METHODS, is_signed


class VerifySign:
    """Checks `sign` over all text parameters and the raw body."""

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
            raise INVALID_SIGNATURE()
