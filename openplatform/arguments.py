"""Business parameters on their way into a service: text in, checked values out, the first wrong one named.

Values are taken as they were sent: nothing is trimmed. An empty value counts as not given, as it does in a signature.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from openplatform.web import invalid, missing

MAX_DIGITS = 18
"""Every whole number of up to 18 digits fits a bigint; longer ones are refused before int(), which is slow on endless text."""
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")


class Arguments:
    """One call's business parameters, each read by its rule.

    params: names and values as `openplatform.web.business_params` gives them; zone: the zone in which callers write times.
    Every method raises a 400 ServiceRejected, `isv.invalid-parameter:NAME` or `isv.missing-parameter:NAME`.
    """

    def __init__(self, params: Mapping[str, str], zone: ZoneInfo) -> None:
        self._params = params
        self._zone = zone

    def has(self, name: str) -> bool:
        """Whether the parameter was sent with a value."""
        return bool(self._params.get(name))

    def text(self, name: str, *, max_length: int) -> str | None:
        """Text of at most max_length characters, None when not given. NUL is refused: databases differ in what they make of it."""
        value = self._params.get(name)
        if not value:
            return None
        if len(value) > max_length:
            raise invalid(name, f"must have at most {max_length} characters")
        if "\0" in value:
            raise invalid(name, "must not contain NUL")
        return value

    def needed_text(self, name: str, *, max_length: int) -> str:
        """Like `text`, but it must be given and not be blank."""
        value = self.text(name, max_length=max_length)
        if value is None or not value.strip():
            raise missing(name)
        return value

    def integer(self, name: str, *, low: int = 0, high: int = 10**MAX_DIGITS - 1) -> int | None:
        """A whole number from low to high in ASCII digits, None when not given."""
        value = self._params.get(name)
        return whole_number(name, value, low=low, high=high) if value else None

    def needed_integer(self, name: str, *, low: int = 0, high: int = 10**MAX_DIGITS - 1) -> int:
        """Like `integer`, but it must be given."""
        value = self.integer(name, low=low, high=high)
        if value is None:
            raise missing(name)
        return value

    def words(self, name: str, *, at_most: int) -> tuple[str, ...] | None:
        """A comma-separated list without repetitions, in the order given; None when not given."""
        value = self._params.get(name)
        if not value:
            return None
        if value.count(",") >= at_most:
            raise invalid(name, f"must list at most {at_most} values")
        words = tuple(dict.fromkeys(value.split(",")))
        if "" in words:
            raise invalid(name, "must be values with single commas between them")
        return words

    def integers(
        self, name: str, *, at_most: int, low: int = 0, high: int = 10**MAX_DIGITS - 1
    ) -> tuple[int, ...] | None:
        """A comma-separated list of whole numbers from low to high, None when not given."""
        words = self.words(name, at_most=at_most)
        return None if words is None else tuple(whole_number(name, word, low=low, high=high) for word in words)

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """One of the options; the default when not given."""
        value = self._params.get(name) or default
        if value not in options:
            raise invalid(name, f"must be {' or '.join(options)}")
        return value

    def time(self, name: str) -> datetime | None:
        """An aware UTC time, written `yyyy-MM-dd HH:mm:ss` in the platform's zone; years 1970 to 9998; None when not given."""
        value = self._params.get(name)
        if not value:
            return None
        # Not strptime: it takes other scripts' digits and single ones.
        match = _TIME.fullmatch(value)
        try:
            if match is None or not 1970 <= int(match[1]) <= 9998:
                raise ValueError(value)
            year, month, day, hour, minute, second = (int(part) for part in match.groups())
            local = datetime(year, month, day, hour, minute, second, tzinfo=self._zone)
        except ValueError:
            raise invalid(name, "must be a time like 2024-05-31 18:00:00, of the years 1970 to 9998") from None
        return local.astimezone(UTC)

    def page(self, *, default_size: int = 20) -> tuple[int, int]:
        """(page_no from 1, page_size from 1 to 100)."""
        page_no = self.integer("page_no", low=1)
        page_size = self.integer("page_size", low=1, high=100)
        return page_no or 1, page_size or default_size

    def objects(self, name: str, *, at_most: int) -> list[dict[str, Any]] | None:
        """JSON text of an array of 1 to at_most objects, None when not given. Their members are not checked."""
        value = self._params.get(name)
        if not value:
            return None
        try:
            members = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise invalid(name, "must be JSON text") from None
        if not isinstance(members, list) or not members or not all(isinstance(member, dict) for member in members):
            raise invalid(name, "must be a JSON array of objects, with at least one")
        if len(members) > at_most:
            raise invalid(name, f"must have at most {at_most} entries")
        return members


def whole_number(name: str, value: object, *, low: int = 0, high: int = 10**MAX_DIGITS - 1) -> int:
    """A whole number from low to high out of ASCII digits or a JSON number; `name` names it in the error."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise invalid(name, f"must be a whole number from {low} to {high}")
    return value


def written_time(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """How answers write a time: `yyyy-MM-dd HH:mm:ss` in the platform's zone, what is below a second cut off; None stays None."""
    return None if moment is None else moment.astimezone(zone).strftime(TIME_FORMAT)
