"""Promises of `pailou sign`."""

import shlex
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from openplatform.signed_call import SignedCall, sign_call
from openplatform.signing import SigningKey, canonical_text, is_signed
from pailou.sign import parse_params

NOW = datetime(2026, 7, 31, 2, 3, 4, tzinfo=UTC)


def signed(**params: str) -> SignedCall:
    return sign_call(
        url="http://127.0.0.1:8000/router/rest",
        app_key="k",
        secret="s",
        method="open.order.get",
        params=params,
        now=NOW,
    )


def test_the_signature_is_that_of_the_protocol() -> None:
    """What the command signs, the gateway's own check accepts, and the shown text is what was signed."""
    call = signed(order_id="1", note="中 文")
    unsigned = {name: value for name, value in call.params.items() if name != "sign"}
    assert is_signed([SigningKey("s")], call.sign, "hmac-sha256", unsigned)
    assert call.text == canonical_text(unsigned).decode()


def test_system_parameters_are_filled_in() -> None:
    """The call carries the protocol's parameters, with the time at GMT+8."""
    assert signed().params | {"sign": ""} == {
        "method": "open.order.get",
        "app_key": "k",
        "timestamp": "2026-07-31 10:03:04",
        "v": "2.0",
        "format": "json",
        "sign_method": "hmac-sha256",
        "sign": "",
    }


def test_given_system_parameters_win() -> None:
    """A parameter that is given replaces the default; a given sign is ignored."""
    call = signed(format="xml", timestamp="1785463384000", sign="X", session="t")
    assert call.params["format"] == "xml"
    assert call.params["timestamp"] == "1785463384000"
    assert call.params["session"] == "t"
    assert call.sign == call.params["sign"] != "X"


def test_the_curl_line_survives_a_shell() -> None:
    """The printed line, read by a shell, sends exactly the signed parameters, whatever characters they hold."""
    call = signed(note='it\'s "quoted" & <odd> $HOME `x` 中文\n+%')
    words = shlex.split(call.curl)
    assert words[:4] == ["curl", "-sS", "http://127.0.0.1:8000/router/rest", "-d"]
    assert dict(parse_qsl(words[4], keep_blank_values=True)) == call.params


def test_words_become_parameters() -> None:
    """`name=value` words are read up to the first =, and values may be empty."""
    assert parse_params(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("words", [["a"], ["=1"], ["a=1", "a=2"]])
def test_odd_words_are_refused(words: list[str]) -> None:
    """A word without name or =, and a name given twice, are errors."""
    with pytest.raises(ValueError, match=r"must read name=value|given twice"):
        parse_params(words)
