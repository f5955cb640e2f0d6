"""Signing against the vectors, and against a second, independent signer."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openplatform.errors import OpenPlatformError
from openplatform.protocol import encode_query, parse_request
from openplatform.signing import SIGN_METHODS, SigningKey, canonical_text, is_signed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sign.json").read_text(encoding="utf-8"))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
PARAMS = st.dictionaries(TEXT, TEXT, max_size=8)


def independent_sign(params: dict[str, str], secret: str, method: str, body: bytes) -> str:
    """Written from the protocol's text alone: bytes throughout, the standard library's one-shot functions."""
    pairs = sorted((name.encode(), value.encode()) for name, value in params.items())
    text = b"".join(n + v for n, v in pairs if n and v and n != b"sign") + body
    key = secret.encode()
    if method == "md5":
        return hashlib.md5(key + text + key).hexdigest().upper()
    return hmac.digest(key, text, "md5" if method == "hmac" else "sha256").hex().upper()


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
def test_vector(vector: dict) -> None:
    """Every published vector: signed text, signature, and the form that keeps empty names."""
    key, params, body = SigningKey(vector["secret"]), vector["params"], vector["body"].encode()
    method = params["sign_method"]
    assert canonical_text(params, body) == vector["canonical"].encode()
    assert key.sign(canonical_text(params, body), method) == vector["sign"]
    assert is_signed([key], vector["sign"], method, params, body)
    assert is_signed([key], vector["sign"].lower(), method, params, body)
    if "sign_when_empty_names_are_kept" in vector:
        assert is_signed([key], vector["sign_when_empty_names_are_kept"], method, params, body)


@given(PARAMS, TEXT, st.sampled_from(SIGN_METHODS), st.binary(max_size=20))
def test_agrees_with_the_independent_signer(params: dict[str, str], secret: str, method: str, body: bytes) -> None:
    """Two signers written apart agree on any dictionary, and what one signs the other accepts."""
    sign = independent_sign(params, secret, method, body)
    assert is_signed([SigningKey(secret)], sign, method, params, body)


@given(PARAMS, st.randoms(use_true_random=False))
def test_order_of_parameters_does_not_matter(params: dict[str, str], random) -> None:
    """The signature is that of the sorted names, whatever order they came in."""
    shuffled = list(params.items())
    random.shuffle(shuffled)
    assert canonical_text(dict(shuffled)) == canonical_text(params)


@given(st.dictionaries(TEXT.filter(bool), TEXT.filter(bool), min_size=1, max_size=8), st.data())
def test_one_changed_value_is_refused(params: dict[str, str], data) -> None:
    """A request in which one value differs from what was signed does not pass."""
    key = SigningKey("secret")
    sign = key.sign(canonical_text(params), "hmac-sha256")
    name = data.draw(st.sampled_from(sorted(params)))
    changed = {**params, name: params[name] + "x"}
    assert name == "sign" or not is_signed([key], sign, "hmac-sha256", changed)


@given(
    st.dictionaries(TEXT.filter(bool), TEXT.filter(bool), min_size=1, max_size=8),
    st.sampled_from(SIGN_METHODS),
    st.data(),
)
def test_one_changed_byte_is_refused(params: dict[str, str], method: str, data) -> None:
    """Any byte of a name or a value, changed on the way: unreadable, the same parameters spelled otherwise, or a wrong signature.

    A separator is no such byte: the protocol signs names and values without what stood between them.
    """
    params.pop("sign", None)
    key = SigningKey("secret")
    sign = key.sign(canonical_text(params), method)
    sent = bytearray(encode_query(params).encode())
    places = [n for n, byte in enumerate(sent) if byte not in b"=&"]
    assume(places)
    sent[data.draw(st.sampled_from(places))] = data.draw(st.integers(0, 255))
    try:
        got = parse_request(b"", bytes(sent), "").params
    except OpenPlatformError:
        return
    assert got == params or not is_signed([key], sign, method, got)


@pytest.mark.parametrize("sign", ["", "é", "0" * 31, "\ud800", "0" * 10_000])
def test_odd_signatures_are_refused_not_raised(sign: str) -> None:
    """Whatever stands in `sign`, the comparison answers no."""
    assert not is_signed([SigningKey("s")], sign, "md5", {"a": "b"})


def test_either_live_secret_is_right() -> None:
    """While an app rotates its secret both sign."""
    old, new = SigningKey("old"), SigningKey("new")
    sign = old.sign(canonical_text({"a": "b"}), "md5")
    assert is_signed([new, old], sign, "md5", {"a": "b"})
    assert not is_signed([new], sign, "md5", {"a": "b"})


def test_unknown_method() -> None:
    """A method that is not of the protocol is an error of the programmer's: callers check it before."""
    with pytest.raises(ValueError, match="sign_method"):
        SigningKey("s").sign(b"", "sha1")
