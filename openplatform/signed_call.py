"""A call signed as an ISV signs it: what is signed, the signature, and a line that sends it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from openplatform.protocol.timestamps import format_timestamp
from openplatform.signing import SigningKey, canonical_text


@dataclass(frozen=True, slots=True)
class SignedCall:
    """text: what was signed, between the secrets for md5; sign: upper-case hex; params: all of them, sign included."""

    url: str
    params: dict[str, str]
    text: str
    sign: str
    sign_method: str

    @property
    def form(self) -> str:
        """The parameters as a form's body."""
        return urlencode(self.params)

    @property
    def curl(self) -> str:
        """A shell line that sends the call; good for as long as the timestamp is, ten minutes."""
        return f"curl -sS {shlex.quote(self.url)} -d {shlex.quote(self.form)}"


def sign_call(
    *,
    url: str,
    app_key: str,
    secret: str,
    method: str,
    params: Mapping[str, str],
    sign_method: str = "hmac-sha256",
    now: datetime,
) -> SignedCall:
    """Signs one call. params: business parameters, and system parameters that replace the defaults (format, session, …).

    now: an aware datetime. Raises ValueError for an unknown sign_method.
    """
    whole = {
        "method": method,
        "app_key": app_key,
        "timestamp": format_timestamp(now.timestamp()),
        "v": "2.0",
        "format": "json",
        "sign_method": sign_method,
        **params,
    }
    whole.pop("sign", None)
    text = canonical_text(whole)
    sign = SigningKey(secret).sign(text, whole["sign_method"])
    return SignedCall(url, {**whole, "sign": sign}, text.decode(), sign, whole["sign_method"])
