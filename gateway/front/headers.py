"""Names of request headers in the one spelling that ASGI wants, and the few that decide about framing."""

# fmt: off
_PLAIN_NAMES = (
    "accept", "accept-charset", "accept-encoding", "accept-language", "authorization",
    "cache-control", "connection", "content-disposition", "content-encoding", "content-language",
    "content-md5", "content-type", "cookie", "date", "dnt",
    "forwarded", "from", "if-match", "if-modified-since", "if-none-match",
    "keep-alive", "origin", "pragma", "priority", "range",
    "referer", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "te",
    "top-api-separator", "traceparent", "tracestate", "true-client-ip", "user-agent",
    "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
    "x-real-ip", "x-request-id", "x-requested-with", "x-top-api-separator",
)
# fmt: on

PLAIN = {spelled.encode(): name.encode() for name in _PLAIN_NAMES for spelled in (name, name.title())}
"""As sent → lower case. A look-up is cheaper than lower() and the checks of other names, for each header of each request."""

HOST, LENGTH, TRANSFER, EXPECT = b"host", b"content-length", b"transfer-encoding", b"expect"
FRAMING = frozenset((HOST, LENGTH, TRANSFER, EXPECT))
"""These say how a message is framed; they are never in PLAIN."""
