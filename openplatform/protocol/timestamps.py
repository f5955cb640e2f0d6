"""The two forms of the `timestamp` parameter."""

from datetime import datetime, timedelta, timezone

GMT8 = timezone(timedelta(hours=8))
"""The protocol fixes the zone of textual timestamps; it is not the platform's zone setting."""

_last: tuple[str, float] = ("", 0.0)


def parse_timestamp(text: str) -> float:
    """Seconds since the epoch of `yyyy-MM-dd HH:mm:ss` at GMT+8 or of epoch milliseconds. Raises ValueError for anything else."""
    global _last
    # Calls of one second carry the same text: remembering the last one makes the usual case a comparison.
    known, seconds = _last
    if text == known:
        return seconds
    # isascii: int() and isdigit() take the digits of every script. 13 digits reach the year 2286.
    if not text.isascii():
        raise ValueError(text)
    if len(text) == 19 and text[10] == " ":
        seconds = datetime.fromisoformat(text).replace(tzinfo=GMT8).timestamp()
    elif text.isdigit() and len(text) <= 14:
        seconds = int(text) / 1000
    else:
        raise ValueError(text)
    _last = (text, seconds)
    return seconds


def format_timestamp(seconds: float) -> str:
    """`yyyy-MM-dd HH:mm:ss` at GMT+8 of seconds since the epoch."""
    return datetime.fromtimestamp(seconds, GMT8).strftime("%Y-%m-%d %H:%M:%S")
