"""The tables of the SQLite log store, and how a file of the first version is brought up to them."""

import ipaddress
import sqlite3

from openplatform.adapters.sqlite_text import TOKENIZER
from openplatform.errors import StoreRejected

_VERSION = 2
"""PRAGMA user_version. 1: addresses as text, the record beside the columns."""

# Statistics read all of a range: from the first index, which has every column that they ask for.
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS call_log (
    row_id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    receive_ms INTEGER NOT NULL,
    app_key TEXT NOT NULL,
    api_name TEXT NOT NULL,
    vender_id INTEGER,
    error_code TEXT NOT NULL,
    remote_ip BLOB NOT NULL,
    response_ms INTEGER NOT NULL,
    service_ms INTEGER
);
CREATE TABLE IF NOT EXISTS call_log_record (row_id INTEGER PRIMARY KEY, record BLOB NOT NULL);
DROP INDEX IF EXISTS ix_call_log_receive_ms_request_id;
CREATE INDEX IF NOT EXISTS ix_call_log_receive_ms ON call_log
    (receive_ms, request_id, app_key, api_name, vender_id, error_code, response_ms, service_ms);
CREATE INDEX IF NOT EXISTS ix_call_log_api_name_receive_ms ON call_log (api_name, receive_ms);
CREATE VIRTUAL TABLE IF NOT EXISTS call_log_text USING fts5 (content, tokenize = "{TOKENIZER}");
PRAGMA user_version = {_VERSION};
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Creates what is missing; rows of the first version move, once, and keep their row ids."""
    is_old = connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION
    if not is_old or not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'call_log'").fetchone():
        connection.executescript(_SCHEMA)
        return
    connection.create_function("packed", 1, packed_address, deterministic=True)
    connection.executescript(f"""
        BEGIN IMMEDIATE;
        DROP INDEX IF EXISTS ix_call_log_api_name_receive_ms;
        ALTER TABLE call_log RENAME TO call_log_1;
        {_SCHEMA}
        INSERT INTO call_log SELECT row_id, request_id, receive_ms, app_key, api_name, vender_id, error_code,
            packed(remote_ip), response_ms, service_ms FROM call_log_1;
        INSERT INTO call_log_record SELECT row_id, record FROM call_log_1;
        DROP TABLE call_log_1;
        COMMIT;
    """)  # noqa: S608  # a constant


def packed_address(address: str) -> bytes:
    """An IP address as 16 bytes that sort as addresses do, IPv4 as IPv6 holds it. Raises StoreRejected."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise StoreRejected(f"{address[:50]!r} is no IP address") from error
    return _MAPPED + parsed.packed if parsed.version == 4 else parsed.packed


_MAPPED = bytes(10) + b"\xff\xff"


def packed_range(addresses: str) -> tuple[bytes, bytes]:
    """The first and last address of a network, or twice the same of one address. Raises StoreRejected."""
    try:
        network = ipaddress.ip_network(addresses, strict=False)
    except ValueError as error:
        raise StoreRejected(f"{addresses[:50]!r} is no IP address or network") from error
    return packed_address(str(network[0])), packed_address(str(network[-1]))
