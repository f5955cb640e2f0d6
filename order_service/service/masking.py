"""Personal data as answers show it: enough to recognise, too little to use."""

from typing import Any

HIDDEN = "***"


def masked(order: dict[str, Any]) -> dict[str, Any]:
    """The order with its personal columns masked; absent ones stay absent, None and empty stay as they are."""
    return order | {name: _MASKS[name](value) for name, value in order.items() if name in _MASKS and value}


def _name(value: str) -> str:
    return value[0] + "*" * (len(value) - 1) if len(value) > 1 else "*"


def _phone(value: str) -> str:
    # 138****5678; what is too short for that shows its last two.
    return f"{value[:3]}****{value[-4:]}" if len(value) >= 11 else f"{HIDDEN}{value[-2:] if len(value) > 4 else ''}"


def _address(value: str) -> str:
    # Province and city are six characters in most Chinese addresses; of a short one, a third.
    return value[: min(6, len(value) // 3)] + HIDDEN


def _email(value: str) -> str:
    name, at, domain = value.rpartition("@")
    return f"{name[:1]}{HIDDEN}{at}{domain}" if at else HIDDEN


def _address_of_machine(value: str) -> str:
    # The network of an IPv4 address; of anything else nothing.
    parts = value.split(".")
    return f"{parts[0]}.{parts[1]}.*.*" if len(parts) == 4 else HIDDEN


def _all(value: str) -> str:
    return HIDDEN


_MASKS = {
    "cons_name": _name,
    "cons_phone": _phone,
    "cons_mobile_phone": _phone,
    "cons_address": _address,
    "cons_email": _email,
    "invoice_title": _name,  # of a private buyer, the name
    "customerip": _address_of_machine,
    "vat_info": _all,  # name, address, phone and bank account in one text
}
