"""A time zone in which no day ends while tests run: what is counted by the day is not counted over midnight."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo(f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")
"""It was noon there when this process began, give or take an hour."""
