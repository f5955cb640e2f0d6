"""What a look into the response cache found."""

from openplatform.records.record import Record


class CacheFind(Record, frozen=True, kw_only=True):
    """body: the kept answer, b"" = none; is_fresh: within its time; is_ours: whoever looked is the one to ask the service now."""

    body: bytes
    is_fresh: bool
    is_ours: bool
