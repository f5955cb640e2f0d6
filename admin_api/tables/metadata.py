"""What all tables share: the metadata that migrations are compared with, and column types for MySQL and SQLite alike."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from openplatform.sql import NAMING

metadata = sa.MetaData(naming_convention=NAMING)

TinyInt = sa.SmallInteger().with_variant(mysql.TINYINT(), "mysql", "mariadb")

LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
"""Text past MySQL's 64 KiB: a route's record holds a schema and an example."""


def key_text(length: int) -> sa.types.TypeEngine[str]:
    """A varchar whose values are compared byte by byte: `Open.Order` and `open.order` are two keys on MySQL too."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(exact, "mysql", "mariadb")


def flag(name: str, *, default: int = 0) -> sa.Column[int]:
    """A smallint that is 0 or 1."""
    return sa.Column(name, sa.SmallInteger, nullable=False, default=default, server_default=sa.text(str(default)))


def version() -> sa.Column[int]:
    """Counts a row's edits; an edit names the version that it started from."""
    return sa.Column("version", sa.Integer, nullable=False, default=1, server_default=sa.text("1"))
