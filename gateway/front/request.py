"""What the reader hands on."""

Headers = list[tuple[bytes, bytes]]


class Head:
    """What a request says before its body; shared by all requests whose head is the same, and changed by none.

    version: "1.0" or "1.1"; path and query: as sent, still escaped; headers: names in lower case; for_lane: what the lane has read
    out of it, None before the first of these requests.
    """

    __slots__ = ("for_lane", "headers", "keep_alive", "method", "path", "query", "version")

    def __init__(
        self, method: str, path: bytes, query: bytes, version: str, headers: Headers, keep_alive: bool
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.headers = headers
        self.keep_alive = keep_alive
        self.for_lane: object = None


class Request:
    """A whole request."""

    __slots__ = ("body", "head")

    def __init__(self, head: Head, body: bytes) -> None:
        self.head = head
        self.body = body
