"""`pailou sign`: what is signed, the signature, and a call that can be pasted."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from openplatform.signing import SigningKey, canonical_text

PROTOCOL_ZONE = ZoneInfo("Asia/Shanghai")
"""The protocol's timestamps are at GMT+8, wherever the platform is."""


@dataclass(frozen=True, slots=True)
class SignedCall:
    """text: what was signed, between the secrets for md5; sign: upper-case hex; params: all of them, sign included."""

    url: str
    params: dict[str, str]
    text: str
    sign: str
    sign_method: str

    @property
    def curl(self) -> str:
        """A shell line that sends the call; good for as long as the timestamp is, ten minutes."""
        return f"curl -sS {shlex.quote(self.url)} -d {shlex.quote(urlencode(self.params))}"


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
        "timestamp": now.astimezone(PROTOCOL_ZONE).strftime("%Y-%m-%d %H:%M:%S"),
        "v": "2.0",
        "format": "json",
        "sign_method": sign_method,
        **params,
    }
    whole.pop("sign", None)
    text = canonical_text(whole)
    sign = SigningKey(secret).sign(text, whole["sign_method"])
    return SignedCall(url, {**whole, "sign": sign}, text.decode(), sign, whole["sign_method"])


def parse_params(words: list[str]) -> dict[str, str]:
    """`name=value` words. Raises ValueError for a word without a name and for a name given twice."""
    params: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise ValueError(f"{word!r} must read name=value")
        if name in params:
            raise ValueError(f"{name} is given twice")
        params[name] = value
    return params
