"""Batches as SDKs make them: signed once in the query, calls joined in the body, the answer taken apart."""

from collections.abc import Mapping
from datetime import datetime

import httpx

from openplatform.protocol import encode_query
from openplatform.protocol.timestamps import GMT8
from openplatform.signing import SigningKey, canonical_text
from tests.gateway_world import SECRET, World

SEPARATOR = "\r\n-S-\r\n"
Calls = list[Mapping[str, str] | str]


def body_of(calls: Calls, public: Mapping[str, str] | None = None, *, separator: str = SEPARATOR) -> bytes:
    """A mapping is a call's parameters, empty = the letter N; a text goes in as it is."""
    parts = [] if public is None else [f"#PUBLIC#{encode_query(public)}"]
    parts += [call if isinstance(call, str) else encode_query(call) or "N" for call in calls]
    return separator.join(parts).encode()


def batch_url(world: World, body: bytes, *, secret: str = SECRET, **system: str | None) -> str:
    """The URL with a batch's signed system parameters; None leaves one out."""
    values: dict[str, str | None] = {
        "app_key": "1023", "v": "2.0", "format": "json", "sign_method": "hmac-sha256",
        "timestamp": datetime.now(GMT8).strftime("%Y-%m-%d %H:%M:%S"),
    }  # fmt: skip
    plain = {name: value for name, value in {**values, **system}.items() if value is not None}
    sign = SigningKey(secret).sign(canonical_text(plain, body), plain.get("sign_method") or "md5")
    return f"http://127.0.0.1:{world.port}/router/batch?{encode_query({**plain, 'sign': sign})}"


async def post_batch(
    world: World,
    calls: Calls,
    public: Mapping[str, str] | None = None,
    *,
    separator: str = SEPARATOR,
    **system: str | None,
) -> httpx.Response:
    """Sends a batch; a separator of one's own goes into its header."""
    body = body_of(calls, public, separator=separator)
    headers = {"Content-Type": "text/plain;charset=utf-8"}
    if separator != SEPARATOR:
        headers["top-api-separator"] = separator
    return await world.http.post(batch_url(world, body, **system), content=body, headers=headers)


def parts_of(response: httpx.Response, separator: str = SEPARATOR) -> list[str]:
    """The answers of the calls, in order."""
    assert response.status_code == 200
    return response.text.split(separator)
