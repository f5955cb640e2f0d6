"""What every record is: immutable, compared by value, JSON on the wire; and the names that must not be mixed up."""

from typing import NewType

import msgspec

AppKey = NewType("AppKey", str)
ApiName = NewType("ApiName", str)
TokenHash = NewType("TokenHash", str)
"""SHA-256 of an access token, 64 hex digits: what is stored in place of the token."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all records: immutable, compared by value."""
