"""What callers ask to be held or released."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """cnt of a product to be held in one warehouse, named by w_id or by its code: exactly one of the two."""

    product_id: int
    cnt: int
    w_id: int | None = None
    warehouse_sn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What to release of a product; cnt None = all that the order holds of it."""

    product_id: int
    cnt: int | None = None
