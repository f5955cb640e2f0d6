"""Call logs that no store takes, and how some of them are meant among all."""

import hashlib

from openplatform.records.record import Record


class DeadLetter(Record, frozen=True, kw_only=True):
    """One line of a batch, or a whole batch that could not be handled. id: made of its bytes, so that the same bytes have the same;
    reason: why it lies here; dead_at_ms: since when, epoch ms, None = the broker itself has put it here."""

    id: str
    reason: str
    dead_at_ms: int | None
    body: bytes

    @classmethod
    def of(cls, body: bytes, reason: str, dead_at_ms: int | None) -> "DeadLetter":
        """With the id of its bytes."""
        return cls(id=hashlib.sha256(body).hexdigest()[:16], reason=reason, dead_at_ms=dead_at_ms, body=body)


class DeadLetterQuery(Record, frozen=True, kw_only=True):
    """Which dead letters are meant, all conditions combined. ids: any of them, () = all; reason: occurs in theirs, in any case of
    letters; before_ms: came here before then (epoch ms), None = ever."""

    ids: tuple[str, ...] = ()
    reason: str = ""
    before_ms: int | None = None

    def means(self, letter: DeadLetter) -> bool:
        """Whether it is one of them."""
        return (
            (not self.ids or letter.id in self.ids)
            and self.reason.lower() in letter.reason.lower()
            and (self.before_ms is None or letter.dead_at_ms is None or letter.dead_at_ms < self.before_ms)
        )


class DeadLetterPage(Record, frozen=True, kw_only=True):
    """Oldest first. total: how many lie there, of any kind; looked_at: how many of them, from the oldest on, were compared."""

    letters: tuple[DeadLetter, ...]
    total: int
    looked_at: int
