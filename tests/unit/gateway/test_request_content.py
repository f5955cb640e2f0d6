"""What a record shows of a request: readable, on one line, bounded, and nothing that must not be stored."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request_content import MASK, MAX_CONTENT_CHARS, RequestContent

SHOW = RequestContent().of
SECRET = "S3CR3T-13800000000"


@pytest.mark.parametrize(
    "name",
    [
        "sign", "session", "access_token", "Access-Token", "my_APP_SECRET", "userPassword", "pwd2", "x-api-key", "accessKey", "cookie",
        "cons_phone", "cons_mobile_phone", "cons_email", "cons_address", "receiver_name", "buyer_tel", "contactPhone", "invoice_title",
        "vat_no", "idCard", "bank_account",
    ],
)  # fmt: skip
def test_a_sensitive_name_masks_its_value(name: str) -> None:
    """As a parameter, as a member of JSON, and of JSON in a string of JSON; its neighbours stay."""
    assert SHOW({"a": "1", name: SECRET, "b": "2"})[0] == f"a=1&{name}={MASK}&b=2"
    trade = {"id": 7, "list": [{name: SECRET, "title": "红色"}]}
    nested = json.dumps(trade, ensure_ascii=False)
    assert SHOW({"trade": nested})[0] == "trade=" + nested.replace(SECRET, MASK)
    twice = json.dumps({"trade": nested}, ensure_ascii=False)
    assert SHOW({"body": twice})[0] == "body=" + twice.replace(SECRET, MASK)


@pytest.mark.parametrize(
    "value", ['"a\\"b S3CR3T"', '["S3CR3T",{"x":"}S3CR3T"}]', '{"city":"S3CR3T","n":["]"]}', "-12.5e3", "true", '""']
)
def test_values_of_every_shape_are_masked_whole(value: str) -> None:
    """Strings with quotes in them, numbers, lists, objects; what follows them is read on."""
    shown, _ = SHOW({"trade": f'{{"cons_mobile" : {value}, "id":7, "password":"S3CR3T"}}'})
    assert shown == f'trade={{"cons_mobile" : "{MASK}", "id":7, "password":"{MASK}"}}'


def test_json_that_is_cut_or_broken_shows_no_secret() -> None:
    """The value at the cut goes up to the end, whatever is missing behind it."""
    for text in (
        '{"cons_mobile":"S3CR3T',
        '{"cons_mobile":{"a":"S3CR3T"',
        '{"cons_mobile":["S3CR3T',
        '{"cons_mobile" : S3CR3T}',
    ):
        assert "S3CR3T" not in SHOW({"trade": text})[0]


def test_an_api_s_own_sensitive_parameters() -> None:
    """Names that a route marks are masked for its calls only, in JSON, too."""
    params = {"remark": SECRET, "trade": '{"remark":"S3CR3T","id":1}'}
    assert SHOW(params, ("remark",))[0] == f'remark={MASK}&trade={{"remark":"{MASK}","id":1}}'
    assert SHOW(params)[0] == f'remark={SECRET}&trade={{"remark":"S3CR3T","id":1}}'


@pytest.mark.parametrize("name", ["sign_method", "order_id", "consignee", "design", "app_key", "title", "%s", "100%"])
def test_what_only_looks_like_a_secret_is_kept(name: str) -> None:
    """A record without its parameters would help nobody."""
    assert SHOW({name: "VALUE %s"})[0] == f"{name}=VALUE %s"


def test_lines_and_terminals() -> None:
    """Control characters are written as escapes; what a logging library might look up stays text."""
    assert SHOW({"a": "x\r\ny\x1b[2J\x7f\u2028"})[0] == "a=x\\u000d\\u000ay\\u001b[2J\\u007f\\u2028"
    assert SHOW({"a": "\x7f"})[0] == "a=\\u007f"
    assert SHOW({"a": "${jndi:ldap://x/a}"}) == ("a=${jndi:ldap://x/a}", False)


@pytest.mark.parametrize("character", ["x", "\x1b", "红", '"'])
def test_two_megabytes(character: str) -> None:
    """Are cut at the bound, and said to be; exactly the bound is not cut."""
    shown, is_cut = SHOW({"a": character * 2_000_000})
    assert (len(shown), is_cut) == (MAX_CONTENT_CHARS, True)
    fits = "x" * (MAX_CONTENT_CHARS - 2)
    assert SHOW({"a": fits}) == (f"a={fits}", False)
    assert SHOW({"a": fits + "x"}) == (f"a={fits}", True)


NAMES = st.text(max_size=8)


@given(st.dictionaries(NAMES, st.text(max_size=30), max_size=6), st.lists(NAMES, max_size=2))
def test_any_parameters(params: dict[str, str], sensitive: list[str]) -> None:
    """One printable line within the bound; values of sensitive names never, those of others unless they hold JSON or escapes."""
    params = {**params, "token": SECRET, **dict.fromkeys(sensitive, SECRET)}
    shown, _ = RequestContent().of(params, tuple(sensitive))
    assert SECRET not in shown
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u2029" for c in shown)
    shown.encode()
    for name, value in params.items():
        if (name + value).isalnum() and name not in sensitive and name != "token":
            assert f"{name}={value}" in shown or f"{name}={MASK}" in shown


def test_memory_for_sets_of_sensitive_names_is_bounded() -> None:
    """What operators declare is remembered up to a number; names that callers make up are FormText's to bound."""
    content = RequestContent()
    for n in range(200):
        assert content.of({f"n{n}": "1", "x": "2"}, (f"n{n}",)) == (f"n{n}={MASK}&x=2", False)
    assert len(content._texts) <= 32
