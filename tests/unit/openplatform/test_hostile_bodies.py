"""Readers of bodies against slower ones that are plainly right, and against bodies made to take long."""

import json
import time
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openplatform.errors import OpenPlatformError
from openplatform.protocol import parse_request
from openplatform.protocol.escapes import unescaped
from openplatform.protocol.json_members import json_members

MIB = 1024 * 1024
FORM, JSON, MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=B"

ESCAPES = st.lists(
    st.sampled_from(
        [
            b"%41", b"%3d", b"%3D", b"%25", b"%26", b"%", b"%%", b"=", b"==", b"%4", b"%zz", b"\n", b"\r\n", b"%\n", b"a_", b" ",
            "中".encode(),
        ]
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(ESCAPES)
def test_long_values_are_unescaped_like_short_ones(pieces: list[bytes]) -> None:
    """The fast way gives what the library gives, for any mixture of escapes and what only looks like one."""
    raw = b"".join(pieces) * 2100
    assert unescaped(raw) == unquote_to_bytes(raw)


@pytest.mark.parametrize("byte", [b"\xff", b"%ff", b"%Ff"])
def test_long_values_that_are_no_utf8(byte: bytes) -> None:
    """0xff, which the fast way uses for itself, never comes out as something else."""
    with pytest.raises(OpenPlatformError) as refused:
        parse_request(b"", b"a=" + b"%41" * 2000 + byte, FORM)
    assert refused.value.code == 47


@given(st.lists(st.tuples(st.text(max_size=3), VALUES), max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_json_members_are_those_that_a_full_reading_shows(
    pairs: list[tuple[str, object]], indent: int | None, ascii_only: bool
) -> None:
    """Names in order with their texts; a name twice is shown twice, wherever it stands and however alike the values are."""
    separator, colon = (",", ":") if indent is None else (" ,\n", "\t: ")
    members = [
        json.dumps(name, ensure_ascii=ascii_only) + colon + json.dumps(value, ensure_ascii=ascii_only, indent=indent)
        for name, value in pairs
    ]
    body = (" {" + separator.join(members) + " } ").encode("utf-8", "surrogatepass")
    names = [name for name, _ in pairs]
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    found = json_members(body, max_members=10)
    if twice is None:
        texts = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=ascii_only, indent=indent) for _, v in pairs]
        assert found == list(zip(names, texts, strict=True))
    else:
        found_names = [name for name, _ in found]
        assert len(set(found_names)) < len(found_names)


HOSTILE = {
    "empty parts": (b"&" * 10 * MIB, FORM, 41),
    "one name again and again": (b"a&" * 5 * MIB, FORM, 41),
    "a million names": (b"&".join(b"%x=" % n for n in range(10**6)), FORM, 41),
    "escaped separators": (b"%26=1&" * MIB, FORM, 41),
    "nothing but escapes": (b"a=" + b"%e4%b8%ad" * MIB, FORM, None),
    "escapes one by one": (b"a=" + b"%41x" * 2 * MIB, FORM, None),
    "what is no escape": (b"a=" + b"%%4" * 3 * MIB, FORM, None),
    "one JSON name again and again": (b"{" + b'"a":1,' * MIB + b'"a":1}', JSON, 41),
    "a long JSON list": (b'{"a":[' + b"{}," * 3 * MIB + b"1]}", JSON, None),
    "many JSON objects": (b'{"a":[' + b'{"b":1},' * MIB + b"1]}", JSON, None),
    "a JSON string of escapes": (b'{"a":"' + b"\\u4e2d" * MIB + b'"}', JSON, None),
    "a JSON name of escapes": (b'{"' + b"\\u4e2d" * MIB + b'":1}', JSON, None),
    "a JSON number of ten million digits": (b'{"a":' + b"9" * 10 * MIB + b"}", JSON, None),
    "JSON without an end": (b'{"a":' * 2 * MIB, JSON, 41),
    "boundaries": (b"--B\r\n" * 2 * MIB, MULTIPART, 41),
    "empty parts of multipart": (b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 150_000, MULTIPART, 41),
    "quotes in a part's head": (
        (b'--B\r\nContent-Disposition: form-data; name="' + b'\\"' * 4000 + b"\r\n\r\n\r\n") * 200,
        MULTIPART,
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_no_body_takes_long(what: str) -> None:
    """Ten megabytes of whatever is worst are read or refused well within what a caller waits for.

    CPU time, 15 s, which is the time that a body may take to come in; the slowest case here takes one on a machine at rest.
    """
    body, content_type, code = HOSTILE[what]
    started = time.process_time()
    try:
        parse_request(b"", body, content_type)
    except OpenPlatformError as error:
        assert error.code == code
    else:
        assert code is None
    assert time.process_time() - started < 15
