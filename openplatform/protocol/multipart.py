"""multipart/form-data as SDKs in the field really send it.

Accepted besides the standard: CRLF before the first boundary, a missing final CRLF, `form-data;name=` without a space, a trailing
space after the file name, `Content-Disposition: file; name=…`, `;boundary=` without a space, a full path as file name. Bodies are
already bounded and in memory, so that splitting beats a streaming parser, and is easier to see through.
"""

import re
from collections.abc import Iterator

from openplatform.errors import INVALID_ARGUMENT, UPLOAD_FAIL

MAX_BOUNDARY = 70  # RFC 2046, 5.1.1
MAX_PART_HEAD_BYTES = 8 * 1024

_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^\s;,"]+))', re.IGNORECASE)
_NAME = re.compile(rb'(?:^|[;\s])name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))', re.IGNORECASE)
_FILE_NAME = re.compile(rb"(?:^|[;\s])filename\*?\s*=", re.IGNORECASE)


def boundary_of(content_type: str) -> bytes:
    """The boundary of a multipart content type; raises error 3 when there is none or it is too long."""
    found = _BOUNDARY.search(content_type)
    boundary = (found.group(1) or found.group(2)) if found else ""
    if not boundary or len(boundary) > MAX_BOUNDARY or not boundary.isascii():
        raise UPLOAD_FAIL("the multipart body has no usable boundary")
    return boundary.encode()


def split_parts(body: bytes, boundary: bytes, *, max_parts: int) -> Iterator[tuple[str, bytes, bool]]:
    """Yields (name, content, is_file) of each part; raises error 3 for a body that is no multipart, 41 for too many parts."""
    delimiter = b"--" + boundary
    # A delimiter counts only at the start of a line; the line break before it belongs to the delimiter.
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter, max_parts + 2)
    if len(pieces) < 2:
        raise UPLOAD_FAIL("the multipart body does not hold its boundary")
    if len(pieces) - 2 > max_parts:
        raise INVALID_ARGUMENT(f"a call may carry at most {max_parts} parts", name="body")
    for piece in pieces[1:]:
        if piece[:2] == b"--":
            return
        line, found, rest = piece.partition(b"\r\n")
        if not found or line.strip(b" \t"):
            raise UPLOAD_FAIL("a boundary of the multipart body is broken")
        # A part without any header begins with the empty line itself.
        head, found, content = (b"", b"\r\n", rest[2:]) if rest[:2] == b"\r\n" else rest.partition(b"\r\n\r\n")
        if not found or len(head) > MAX_PART_HEAD_BYTES:
            raise UPLOAD_FAIL("a part of the multipart body has no end of its head")
        yield _described(head, content)
    raise UPLOAD_FAIL("the multipart body ends before its last boundary")


def _described(head: bytes, content: bytes) -> tuple[str, bytes, bool]:
    for line in head.split(b"\r\n"):
        header, _, value = line.partition(b":")
        if header.strip().lower() != b"content-disposition":
            continue
        kind = value.partition(b";")[0].strip().lower()
        found = _NAME.search(value)
        if found is None:
            break
        raw = found.group(1) if found.group(1) is not None else found.group(2)
        try:
            name = raw.replace(b'\\"', b'"').decode()
        except UnicodeDecodeError:
            raise UPLOAD_FAIL("a part's name is not UTF-8") from None
        return name, content, kind == b"file" or _FILE_NAME.search(value) is not None
    raise UPLOAD_FAIL("a part of the multipart body has no name")
