"""Parameters as SDKs in the field send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openplatform.errors import OpenPlatformError
from openplatform.protocol import encode_query, parse_request
from openplatform.protocol.timestamps import parse_timestamp

FORM = "application/x-www-form-urlencoded;charset=utf-8"
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@pytest.mark.parametrize(
    ("query", "params"),
    [
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=+x++&b=%2B", {"a": " x  ", "b": "+"}),
        (b"a=&b&=c", {"a": "", "b": "", "": "c"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a%3Db=c%26d%3De", {"a=b": "c&d=e"}),
        (b"a=%E7%BA%A2%e8%89%b2", {"a": "红色"}),
        ("a=红色".encode(), {"a": "红色"}),
        (b"a=100%&b=%zz&c=%4", {"a": "100%", "b": "%zz", "c": "%4"}),
        (b"a=%00%0d%0a", {"a": "\0\r\n"}),
        (b"a=%2526", {"a": "%26"}),
        (b"&&a=1&", {"a": "1"}),
        (b"a[]=1", {"a[]": "1"}),
    ],
)
def test_urlencoded(query: bytes, params: dict[str, str]) -> None:
    """Query string and form body read alike, values kept as they were sent."""
    assert parse_request(query, b"", "").params == params
    assert parse_request(b"", query, FORM).params == params
    assert parse_request(b"", query, "").params == params


@given(st.dictionaries(TEXT, TEXT, max_size=8).filter(lambda d: "" not in d))
def test_what_is_encoded_reads_back(params: dict[str, str]) -> None:
    """Any parameters survive the way to a service and back."""
    assert parse_request(encode_query(params).encode(), b"", "").params == params


@pytest.mark.parametrize(
    ("query", "body", "content_type", "code"),
    [
        (b"a=%ff", b"", "", 47),
        (b"a=%ED%A0%80", b"", "", 47),  # a surrogate in UTF-8
        (b"a=%C0%AF", b"", "", 47),  # overlong
        (b"", b"a=\xba\xec", FORM, 47),  # GBK
        (b"%ff=1&x%26=2", b"", "", 47),
        (b"a=1&a=1", b"", "", 41),
        (b"a=1", b"a=2", FORM, 41),
        (b"", b"a=1&a=2", FORM, 41),
        (b"&".join(b"p%d=1" % n for n in range(257)), b"", "", 41),
        (b"", b'{"a":1', "application/json", 41),
        (b"", b'{"a":1,"a":2}', "application/json", 41),
        (b"", b'{"a":"\\ud800"}', "application/json", 41),
        (b"", b'{"a":"\xff"}', "application/json", 47),
        (b"", b'{"a":' + b"[" * 100_000, "application/json", 41),
        (b"", b"--B\r\n\r\nx", "multipart/form-data", 3),
        (b"", b"x", "multipart/form-data; boundary=B", 3),
        (b"", b"--B", "multipart/form-data; boundary=" + "B" * 71, 3),
        (b"", b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--", "multipart/form-data; boundary=B", 3),
        (b"", b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', "multipart/form-data; boundary=B", 3),
        (
            b"",
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--B--',
            "multipart/form-data; boundary=B",
            47,
        ),
        (b"", b"--B\r\nX: y\r\n\r\n1" * 300 + b"\r\n--B--", "multipart/form-data; boundary=B", 3),
    ],
)
def test_refused(query: bytes, body: bytes, content_type: str, code: int) -> None:
    """Bad encodings, doubled names, too many parameters and broken bodies get their documented code."""
    with pytest.raises(OpenPlatformError) as refused:
        parse_request(query, body, content_type)
    assert refused.value.code == code


def test_the_same_pair_in_query_and_body_passes() -> None:
    """Seen in the field: a system parameter sent twice, once in each place, with one value."""
    assert parse_request(b"a=1&b=2", b"a=1&c=3", FORM).params == {"a": "1", "b": "2", "c": "3"}


def test_json_members_keep_their_text() -> None:
    """Strings as they are, everything else byte for byte as sent: it is signed that way."""
    body = b'{"s":"\\u4e2d+ &","n":1.50,"big":12345678901234567890123,"l":[1, "x"],"o":{"a": null},"b":true,"z":null}'
    assert parse_request(b"q=1", body, "application/json;charset=utf-8").params == {
        "q": "1", "s": "中+ &", "n": "1.50", "big": "12345678901234567890123", "l": '[1, "x"]', "o": '{"a": null}',
        "b": "true", "z": "null",
    }  # fmt: skip


@pytest.mark.parametrize("content_type", ["text/plain", "text/xml", "application/json"])
def test_raw_bodies_are_signed_as_they_are(content_type: str) -> None:
    """A body that is no form, and JSON that is no object, follows the parameters in the signed text."""
    parsed = parse_request(b"a=1", b'["x"]', content_type)
    assert (parsed.params, parsed.signed_body) == ({"a": "1"}, b'["x"]')


def test_multipart_oddities() -> None:
    """CRLF before the first boundary, odd spacing, `file` dispositions, full paths, a missing final CRLF."""
    body = (
        b'\r\n--B\r\nContent-Disposition: form-data;name="a"\r\n\r\n 1 \r\n'
        b"--B \r\ncontent-disposition :form-data; name=b\r\nContent-Type: text/plain\r\n\r\n\xe4\xb8\xad\r\n--Bx\r\n"
        b'--B\r\nContent-Disposition: file; name="f"; filename="C:\\x\\..\\y.txt" \r\n\r\nsign=1\r\n--B--'
    )
    body = body.replace(b"\r\n--Bx", b"\r\n-Bx")
    parsed = parse_request(b"", body, 'multipart/form-data;boundary="B"')
    assert parsed.params == {"a": " 1 ", "b": "中\r\n-Bx"}
    assert parsed.files == (("f", b"sign=1"),)


@given(
    st.binary(max_size=200),
    st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=B", "text/x", ""]),
)
def test_no_body_breaks_the_parser(body: bytes, content_type: str) -> None:
    """Any bytes give parameters or a documented error, nothing else."""
    try:
        parse_request(b"", body, content_type)
    except OpenPlatformError as error:
        assert error.code in {3, 41, 47}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2016-01-01 12:00:00", 1451620800), ("1451620800000", 1451620800), ("1451620800123", 1451620800.123)],
)
def test_timestamps(text: str, seconds: float) -> None:
    """Both forms are GMT+8 wall time and epoch milliseconds."""
    assert parse_timestamp(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "2016-01-01", "2016-01-01T12:00:00", "2016-02-30 12:00:00", "2016-01-01 12:00:00Z", "-1451620800000", "1e12",
     "２０１６-01-01 12:00:00", "1" * 15, "2016-01-01 25:00:00", " 2016-01-01 12:00:0", "1451620800.5"],
)  # fmt: skip
def test_unreadable_timestamps(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError):
        parse_timestamp(text)
