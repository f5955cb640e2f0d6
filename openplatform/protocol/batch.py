"""Many calls in one request: how the body of a batch is taken apart, and who may say what in it."""

from collections.abc import Mapping

from openplatform.errors import INVALID_ARGUMENT, MISSING_ARGUMENT
from openplatform.protocol.parameters import parse_request

SEPARATOR = b"\r\n-S-\r\n"
MAX_SEPARATOR_BYTES = 64

_PUBLIC = b"#PUBLIC#"
_NO_PARAMETERS = b"N"
_WHOLE = ("app_key", "format", "partner_id", "sign", "sign_method", "simplify", "timestamp", "v")


def split_batch(
    body: bytes, separator: bytes, *, max_calls: int, max_params: int
) -> tuple[Mapping[str, str], list[bytes]]:
    """The parameters that all calls share, and each call's own text. Raises errors 40 and 41, 47 for shared ones not in UTF-8."""
    if not 0 < len(separator) <= MAX_SEPARATOR_BYTES:
        raise INVALID_ARGUMENT(f"a separator has 1 to {MAX_SEPARATOR_BYTES} bytes", name="top-api-separator")
    shared: Mapping[str, str] = {}
    if body.startswith(_PUBLIC):
        public, _, body = body.removeprefix(_PUBLIC).partition(separator)
        shared = parse_request(public, b"", "", max_params=max_params).params
    if not body:
        raise MISSING_ARGUMENT("the body holds the calls of the batch, at least one", name="body")
    calls = body.split(separator, max_calls)
    if len(calls) > max_calls:
        raise INVALID_ARGUMENT(f"a batch carries at most {max_calls} calls", name="body")
    return shared, calls


def read_part(text: bytes, *, max_params: int) -> Mapping[str, str]:
    """One call's own parameters. Raises errors 41 and 47."""
    return {} if text == _NO_PARAMETERS else parse_request(text, b"", "", max_params=max_params).params


def joined(said: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """What was said before, and more by a narrower place, which wins. Raises error 41 if that changes what was signed for all."""
    for name in _WHOLE:
        if name in more and more[name] != said.get(name):
            raise INVALID_ARGUMENT(f"{name} is given once, for the whole batch", name=name)
    return {**said, **more}
