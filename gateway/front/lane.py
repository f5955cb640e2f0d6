"""The way of a call past ASGI: plain arguments in, a plain answer out."""

from typing import Protocol

LANE = "lane"
"""Where the front looks for a Lane: an application under a server of the ASGI family leaves it in the lifespan's state."""

Headers = list[tuple[bytes, bytes]]


class Lane(Protocol):
    """Answers the requests for one path. ASGI's scope, messages and nested calls cost as much as a stage of the pipeline."""

    lane_path: bytes

    async def answer(
        self, method: str, query: bytes, headers: Headers, body: bytes, client: str
    ) -> tuple[int, Headers, bytes]:
        """Status, headers and body of the answer. headers: names in lower case; client: the peer's address, without port."""
