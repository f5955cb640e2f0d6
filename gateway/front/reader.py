"""Reads requests out of a connection's bytes: httptools' callbacks, with the bounds and the framing rules.

llhttp (inside httptools) refuses most broken framing by itself; here stand the rules that it does not know: one Host, no
transfer coding but chunked, no Upgrade, HTTP/1.0 and 1.1 only, bounds on bytes and counts.
"""

from collections.abc import Callable

import httptools

from gateway.front.bounds import FrontBounds
from gateway.front.door import Door
from gateway.front.headers import EXPECT, FRAMING, HOST, LENGTH, PLAIN, TRANSFER
from gateway.front.refusal import Refused
from gateway.front.request import Head, Headers, Request


class RequestReader:
    """The parser's callbacks for one connection. A callback that raises Refused stops the parser.

    when_whole: called with each request as soon as it is whole; send_continue: called when the caller waits for leave to send a
    body. is_receiving: a request has begun and is not whole; head_is_whole: of that request.
    """

    __slots__ = (
        "_body_bytes", "_body_read_bytes", "_bounds", "_chunks", "_completed", "_door", "_dropped_bytes", "_dropped_headers",
        "_earlier_bytes", "_first_bytes", "_headers", "_held_bytes", "_hosts", "_is_chunked", "_is_expecting", "_is_unusual",
        "_keep_alive", "_length", "_method", "_parser", "_path", "_query", "_read_bytes", "_request_headers", "_send_continue",
        "_url", "_version", "_when_whole", "head_is_whole", "is_receiving",
    )  # fmt: skip

    def __init__(
        self,
        bounds: FrontBounds,
        door: Door,
        when_whole: Callable[[Request], None],
        send_continue: Callable[[], None],
    ) -> None:
        self._bounds = bounds
        self._door = door
        self._when_whole = when_whole
        self._send_continue = send_continue
        self._parser = httptools.HttpRequestParser(self)
        # What follows a message that ends the connection is dropped, so that a caller may send it.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.is_receiving = False
        self.head_is_whole = False
        self._held_bytes = 0  # our part of what the door counts
        self._read_bytes = 0
        self._is_unusual = True
        self._keep_alive = True
        self.on_message_begin()
        self.is_receiving = False

    def feed(self, data: bytes) -> None:
        """Takes the next bytes; raises Refused."""
        is_beginning = not self.is_receiving and self._keep_alive
        if is_beginning and (known := self._door.heads.recognise(data)) is not None:
            head, body = known
            self._when_whole(Request(head, body))
            return
        self._read_bytes = len(data)
        self._completed = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, Refused):
                raise error.__context__ from None
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise Refused(400) from None
        if self.is_receiving:
            self._count()
        elif is_beginning and self._completed == 1 and self._keep_alive and self._body_bytes:
            self._door.heads.learn(data, self._whole_head(), self._body_bytes)

    def drop(self) -> None:
        """Forgets the request that is not whole: it will not be."""
        self.is_receiving = False
        self._chunks.clear()
        self._release()

    def close(self) -> None:
        """For good: lets go of what refers back to the connection."""
        self.drop()
        del self._parser, self._when_whole, self._send_continue

    # --- callbacks, in the order of a message

    def on_message_begin(self) -> None:
        self.is_receiving = True
        self.head_is_whole = False
        self._url = b""
        self._headers: Headers = []
        self._chunks: list[bytes] = []
        self._hosts = 0
        self._length = 0
        self._body_bytes = 0
        if self._is_unusual:
            self._is_unusual = False
            self._begin_usual()

    def _begin_usual(self) -> None:
        """What only unusual requests change; they set _is_unusual."""
        self._is_chunked = False
        self._is_expecting = False
        self._dropped_headers = 0
        self._dropped_bytes = 0
        self._earlier_bytes = -1  # of this head in reads before this one, the first of them left out; -1: there is none
        self._first_bytes = 0  # of the read in which this head began, when it did not end there
        self._body_read_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._bounds.max_url_bytes:
            raise Refused(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        plain = PLAIN.get(name)
        if plain is None:
            plain = name.lower()
            if plain in FRAMING:
                self._note(plain, value)
            elif b"_" in plain:  # to some programs x_a and x-a are the same name
                self._is_unusual = True
                self._dropped_headers += 1
                self._dropped_bytes += len(name) + len(value) + 4
                return
        self._headers.append((plain, value))

    def on_headers_complete(self) -> None:
        bounds = self._bounds
        parser = self._parser
        version = self._version = parser.get_http_version()
        headers = self._request_headers = self._headers
        self._headers = []  # trailers go to the second list, and from there nowhere
        if len(headers) + self._dropped_headers > bounds.max_headers:
            raise Refused(431)
        read_bytes = self._read_bytes + self._first_bytes + self._earlier_bytes
        if read_bytes > bounds.max_head_bytes and self._bytes_of(headers) > bounds.max_head_bytes:
            raise Refused(431)
        if version == "1.1":
            if self._hosts != 1:
                raise Refused(400)
        elif version != "1.0" or self._hosts > 1 or self._is_chunked:
            raise Refused(400)
        method = self._method = parser.get_method()
        if method == b"TRACE" or parser.should_upgrade():  # CONNECT counts as an upgrade
            raise Refused(400)
        if self._length > bounds.max_body_bytes:
            raise Refused(413)
        self._keep_alive = version == "1.1" and parser.should_keep_alive()
        self._split_url()
        self.head_is_whole = True
        if self._is_expecting and version == "1.1" and (self._length or self._is_chunked):
            self._send_continue()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._bounds.max_body_bytes:
            raise Refused(413)
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self.is_receiving = False
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []  # an idle connection holds no body
        if self._held_bytes:
            self._release()
        self._completed += 1
        self._when_whole(Request(self._whole_head(), body))

    # --- inside

    def _whole_head(self) -> Head:
        method = self._method.decode("ascii")
        return Head(method, self._path, self._query, self._version, self._request_headers, self._keep_alive)

    def _note(self, name: bytes, value: bytes) -> None:
        """Takes down a header that decides about framing; llhttp has refused lengths that are odd, or come twice."""
        if name == HOST:
            self._hosts += 1
        elif name == LENGTH:
            self._length = int(value)
        elif name == TRANSFER:
            if value.lower() != b"chunked":
                raise Refused(400)
            self._is_unusual = self._is_chunked = True
        elif name == EXPECT:
            self._is_unusual = True
            self._is_expecting = value.lower() == b"100-continue"

    def _split_url(self) -> None:
        url = self._url
        if url.startswith(b"/"):
            if b"#" in url:
                url = url.partition(b"#")[0]
            self._path, _, self._query = url.partition(b"?")
        elif url == b"*":
            self._path, self._query = url, b""
        else:  # a whole URL, as proxies are asked
            try:
                parsed = httptools.parse_url(url)
            except httptools.HttpParserInvalidURLError:
                raise Refused(400) from None
            self._path, self._query = parsed.path or b"/", parsed.query or b""

    def _count(self) -> None:
        """A read has ended in mid-request: the slow road, where bytes are counted against the bounds."""
        self._is_unusual = True
        bounds = self._bounds
        if not self.head_is_whole:
            # The first read may hold much of an earlier request; what llhttp keeps of an unfinished header shows in the others.
            if self._earlier_bytes < 0:
                self._first_bytes = self._read_bytes
                self._earlier_bytes = 0
            else:
                self._earlier_bytes += self._read_bytes
            if self._earlier_bytes > bounds.max_head_bytes + bounds.max_url_bytes:
                raise Refused(431)
            if self._bytes_of(self._headers) > bounds.max_head_bytes:
                raise Refused(431)
            return
        self._body_read_bytes += self._read_bytes
        if self._body_read_bytes - self._body_bytes > bounds.max_chunk_overhead_bytes + bounds.max_head_bytes:
            raise Refused(400)
        self._door.held_bytes += self._body_bytes - self._held_bytes
        self._held_bytes = self._body_bytes
        if self._door.held_bytes > bounds.max_held_bytes:
            raise Refused(503)

    def _bytes_of(self, headers: Headers) -> int:
        return self._dropped_bytes + sum([len(name) + len(value) + 4 for name, value in headers])

    def _release(self) -> None:
        self._door.held_bytes -= self._held_bytes
        self._held_bytes = 0
