"""A server that does not answer, remembered for a moment: not everybody waits for it, one at a time finds out whether it is back."""


class Outage:
    """Times are seconds of one monotonic clock.

    refuse_s: for how long nobody asks after a failure, 0 = nothing is remembered; ask_s: how long the one who asks then may take,
    while all others are still refused.
    """

    def __init__(self, *, refuse_s: float, ask_s: float) -> None:
        self._refuse_s = refuse_s
        self._ask_s = ask_s
        self._refuse_until: float | None = None
        self._answered_at = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether the server did not answer when it was asked last."""
        return self._refuse_until is not None

    def admits(self, now: float) -> bool:
        """Whether to ask the server; say what became of it by answered() or failed()."""
        if self._refuse_until is None or not self._refuse_s:
            return True
        if now < self._refuse_until:
            return False
        self._refuse_until = now + self._ask_s
        return True

    def answered(self, now: float) -> None:
        """It answered somebody."""
        self._refuse_until, self._answered_at = None, now

    def failed(self, asked_at: float, now: float) -> None:
        """It did not answer who asked then; nothing follows from that if it has answered somebody else since."""
        if asked_at > self._answered_at:
            self._refuse_until = now + self._refuse_s
