"""What the reader hands on."""

Headers = list[tuple[bytes, bytes]]


class Request:
    """A whole request. version: "1.0" or "1.1"; path and query: as sent, still escaped; headers: names in lower case."""

    __slots__ = ("body", "headers", "keep_alive", "method", "path", "query", "version")

    def __init__(
        self, method: str, path: bytes, query: bytes, version: str, headers: Headers, body: bytes, keep_alive: bool
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive

    def again(self, body: bytes) -> "Request":
        """The same head, with headers of its own, and another body."""
        return Request(self.method, self.path, self.query, self.version, self.headers.copy(), body, self.keep_alive)
