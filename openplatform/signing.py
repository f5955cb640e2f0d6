"""TOP signatures: md5, hmac (HMAC-MD5) and hmac-sha256 over the sorted text parameters and the raw body.

Source of the algorithm: the public call-method documentation of the Taobao Open Platform; tests hold it against vectors.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from openplatform.form_text import FormText, Parts

SIGN_METHODS = ("md5", "hmac", "hmac-sha256")

_Pads = tuple["hashlib._Hash", "hashlib._Hash"]


def canonical_text(params: Mapping[str, str], body: bytes = b"", *, keep_empty: bool = False) -> bytes:
    """The signed text: names and values joined in byte order of the names, UTF-8, then the raw body.

    params: all text parameters, URL-decoded; `sign` is left out here. Empty names and pairs with an empty value are skipped;
    keep_empty keeps the bare names of empty values, as some SDKs sign. Raises UnicodeEncodeError for lone surrogates.
    """
    if not keep_empty and "" in params.values():
        params = {name: value for name, value in params.items() if value}
    return _SIGNED.of(params).encode() + body


def _signed_parts(names: tuple[str, ...]) -> Parts:
    # Sorting str by code point is the byte order of its UTF-8 form.
    return [(name, name) for name in sorted(names) if name and name != "sign"]


_SIGNED = FormText(_signed_parts)


class SigningKey:
    """An app's plain secret, ready to sign.

    Holds both HMAC pads hashed already (RFC 2104), of the method that was used last, which is an app's only one: copying two hash
    states costs half of what hmac's own objects do.
    """

    __slots__ = ("_method", "_pads", "_secret")

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._method = ""
        self._pads: _Pads

    def sign(self, text: bytes, method: str = "md5") -> str:
        """The upper-case hex signature; raises ValueError for a method that is not one of SIGN_METHODS."""
        return self.digest(text, method).hex().upper()

    def digest(self, text: bytes, method: str) -> bytes:
        """The signature's bytes; raises ValueError like `sign`."""
        if method == "md5":
            # md5 is the protocol's default and all that most SDKs in use know; it authenticates nothing else.
            return hashlib.md5(self._secret + text + self._secret, usedforsecurity=False).digest()
        if method != self._method:
            if method not in _HASHES:
                raise ValueError(f"sign_method must be one of {', '.join(SIGN_METHODS)}")
            self._pads = _padded(self._secret, _HASHES[method])
            self._method = method
        inner, outer = self._pads
        inner, outer = inner.copy(), outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


_HASHES: dict[str, Callable[[bytes], "hashlib._Hash"]] = {"hmac": hashlib.md5, "hmac-sha256": hashlib.sha256}


def _padded(secret: bytes, new: Callable[[bytes], "hashlib._Hash"]) -> "_Pads":
    key = (secret if len(secret) <= 64 else new(secret).digest()).ljust(64, b"\0")
    return new(bytes(c ^ 0x36 for c in key)), new(bytes(c ^ 0x5C for c in key))


def is_signed(keys: Sequence[SigningKey], sign: str, method: str, params: Mapping[str, str], body: bytes = b"") -> bool:
    """True if one of the live secrets gives this signature; compared in constant time, either case of hex accepted.

    Some SDKs sign the bare names of empty values: on a mismatch, when an empty value is present, that form is tried once.
    """
    try:
        claimed = bytes.fromhex(sign)
    except ValueError:
        claimed = b""
    if len(claimed) * 2 != len(sign):  # fromhex skips blanks
        claimed = b""
    text = canonical_text(params, body)
    if _matches(keys, claimed, method, text):
        return True
    if "" not in params.values():
        return False
    return _matches(keys, claimed, method, canonical_text(params, body, keep_empty=True))


_DIGITS = {"md5": 32, "hmac": 32, "hmac-sha256": 64}


def sign_fault(sign: str, method: str) -> str:
    """What the form of a signature gives away by itself, without any secret; "" = its form is right."""
    wanted = _DIGITS[method]
    if not (sign.isascii() and sign.isalnum()) or any(c not in "0123456789abcdefABCDEF" for c in sign):
        return f"sign must be {wanted} hex digits; it holds other characters: is it base64, or encoded twice?"
    if len(sign) == wanted:
        return ""
    others = [name for name, digits in _DIGITS.items() if digits == len(sign)]
    meant = f": that is the length of {' and '.join(others)}" if others else ""
    return f"sign must be {wanted} hex digits for sign_method {method}; it has {len(sign)}{meant}"


def _matches(keys: Sequence[SigningKey], claimed: bytes, method: str, text: bytes) -> bool:
    found = False
    for key in keys:
        found |= hmac.compare_digest(key.digest(text, method), claimed)
    return found
