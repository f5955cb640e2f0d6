"""Bare answers to callers who cannot be understood or served: a status, one line of text, and the connection closes."""

from http import HTTPStatus

_REASONS = {
    400: "The request is not valid HTTP.",
    413: "The body is too large.",
    414: "The URL is too long.",
    431: "The head is too large.",
    500: "Internal Server Error",
    503: "The server is busy. Repeat the request later.",
}


def _render(status: int, reason: str) -> bytes:
    body = f"{reason}\n".encode()
    retry = "Retry-After: 1\r\n" if status == 503 else ""
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
    ).encode() + body


BARE_ANSWERS = {status: _render(status, reason) for status, reason in _REASONS.items()}


class Refused(Exception):
    """Raised in a parser callback to stop the parser; status: a key of BARE_ANSWERS."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
