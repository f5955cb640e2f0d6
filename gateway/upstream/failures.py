"""Why one attempt on one instance failed; these stay inside gateway/upstream, callers see openplatform.errors.

AttemptFailed
├── NotConnected      no connection: nothing was sent, another instance may be tried whatever the call does
├── ConnectionBroke   closed or reset before the answer was whole: the service may have acted
├── AttemptLate       no whole answer in time: the service may have acted, or still act
├── AnswerUnreadable  the service answered, but not with HTTP that we accept
└── ServiceBusy       a whole answer with 502, 503 or 504
"""

import asyncio

from gateway.upstream.answer import UpstreamAnswer


class AttemptFailed(Exception):
    """Base of the five; the message is for the process log."""


class NotConnected(AttemptFailed):
    """Refused, unreachable, or the instance's pool is full.

    is_full: the pool's bound was met, which says nothing about the instance; is_late: the time ran out while connecting.
    """

    def __init__(self, reason: str, *, is_full: bool = False, is_late: bool = False) -> None:
        super().__init__(reason)
        self.is_full = is_full
        self.is_late = is_late


class ConnectionBroke(AttemptFailed):
    """is_stale: a kept connection that gave no byte of answer, most likely closed by the service while idle;
    has_begun: some of the answer had come."""

    def __init__(self, reason: str, *, is_stale: bool = False, has_begun: bool = False) -> None:
        super().__init__(reason)
        self.is_stale = is_stale
        self.has_begun = has_begun


class AttemptLate(AttemptFailed):
    """The attempt's time is over, but its exchange goes on: successor is the future for its answer, which somebody must await
    (after `extend`) or abandon."""

    def __init__(self, successor: "asyncio.Future[UpstreamAnswer]") -> None:
        super().__init__("no whole answer in time")
        self.successor = successor


class AnswerUnreadable(AttemptFailed):
    """Not HTTP/1.1, broken framing, or past a bound."""


class ServiceBusy(AttemptFailed):
    """The answer itself, in case no other attempt does better."""

    def __init__(self, answer: UpstreamAnswer) -> None:
        super().__init__(f"answered {answer.status}")
        self.answer = answer
