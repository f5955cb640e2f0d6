"""How a range of time is cut into the bars of a chart."""

from openplatform.records import Histogram, TimeBucket

MAX_BARS = 60
"""More bars than that are too thin to be hit with a mouse."""
_S = 1_000
_INTERVALS_MS = tuple(
    seconds * _S
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
)


def interval_of(from_ms: int, to_ms: int) -> int:
    """The shortest usual interval, in ms, that cuts the range into at most 60 bars, wherever bars begin; a day at most."""
    for interval_ms in _INTERVALS_MS:
        if (to_ms - from_ms - 1) // interval_ms + 2 <= MAX_BARS:
            return interval_ms
    return _INTERVALS_MS[-1]


def filled(histogram: Histogram, *, from_ms: int, to_ms: int, offset_ms: int) -> Histogram:
    """The histogram with a bucket for every interval of the range."""
    interval_ms = histogram.interval_ms
    first_ms = (from_ms + offset_ms) // interval_ms * interval_ms - offset_ms
    found = {bucket.start_ms: bucket for bucket in histogram.buckets}
    buckets = tuple(
        found.get(start_ms) or TimeBucket(start_ms=start_ms, calls=0, errors=0)
        for start_ms in range(first_ms, to_ms, interval_ms)
    )
    return Histogram(interval_ms=interval_ms, buckets=buckets, is_partial=histogram.is_partial)
