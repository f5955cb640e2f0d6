"""URL escapes of long values, at the speed of C: a body of nothing but escapes must not stop everybody else for seconds."""

import re
from binascii import a2b_qp
from urllib.parse import unquote_to_bytes

_LONG_BYTES = 2048
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# `%41` of URLs is `=41` of quoted-printable. 0xff is in no UTF-8 text: it stands for `=` meanwhile.
_TO_QUOTED = bytes.maketrans(b"=%", b"\xff=")
_FROM_QUOTED = bytes.maketrans(b"\xff", b"=")


def unescaped(raw: bytes) -> bytes:
    """%XX as bytes; a % that is no escape stays, as URL libraries leave it. 0xff comes back as it is or not at all: what holds it is
    no UTF-8, and is refused by its UnicodeDecodeError."""
    if len(raw) < _LONG_BYTES:
        return unquote_to_bytes(raw)
    if b"%" not in raw:
        return raw
    if b"\xff" in raw or b"%ff" in raw.lower():
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    return a2b_qp(_NO_ESCAPE.sub(b"%25", raw).translate(_TO_QUOTED)).translate(_FROM_QUOTED)
