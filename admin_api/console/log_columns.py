"""The columns of the log table: those that the reader chose, kept in the profile; the time is always there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from admin_api.console.catalogues import N_

TABLE = "logs"
"""The table's name in a profile's columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """label: its English text; sort: the order's name, "" = it does not sort."""

    name: str
    label: str
    sort: str = ""
    is_number: bool = False
    is_usual: bool = True


COLUMNS = (
    Column("app", N_("App")),
    Column("app_key", N_("app_key"), is_usual=False),
    Column("api", N_("API")),
    Column("merchant", N_("Merchant")),
    Column("address", N_("Address")),
    Column("gateway", N_("Gateway"), is_usual=False),
    Column("ms", N_("ms"), sort="ms", is_number=True),
    Column("service_ms", N_("ms in the service"), is_number=True, is_usual=False),
    Column("attempts", N_("Attempts"), is_number=True, is_usual=False),
    Column("bytes", N_("Answer's size"), is_number=True, is_usual=False),
    Column("error", N_("Error code")),
    Column("request_id", N_("Request id"), is_usual=False),
    Column("content", N_("Content")),
)


def chosen_columns(profile: Mapping[str, Collection[str]]) -> Sequence[Column]:
    """profile: table → names, of who chose; the usual ones for everybody else."""
    chosen = profile.get(TABLE)
    return [column for column in COLUMNS if (column.is_usual if chosen is None else column.name in chosen)]
