"""Redis: every key in one table, every client from one factory."""

import ast
import re
from itertools import pairwise
from pathlib import Path

from openplatform.adapters import redis_keys
from tests.architecture.tree import imports_of, nodes_of, python_files

KEYS = Path("openplatform/adapters/redis_keys.py")
COLUMNS = 5


def table() -> list[list[str]]:
    """The rows of the module's table, as cells."""
    rows = [line.strip("| ").split(" | ") for line in (redis_keys.__doc__ or "").splitlines() if line.startswith("| ")]
    return rows[1:]


def documented_keys() -> list[str]:
    """The keys of the first column; `x:app, :route` stands for `x:app` and `x:route`."""
    keys: list[str] = []
    for row in table():
        first, *others = row[0].split(", ")
        keys += [first, *(first[: first.rindex(":")] + other for other in others)]
    return keys


def constants() -> dict[str, str]:
    """Name → value of the module's keys and prefixes."""
    return {name: value for name, value in vars(redis_keys).items() if name.isupper()}


def test_every_key_has_a_row_that_is_complete() -> None:
    """Each constant is a documented key or the beginning of one; each row says type, lifetime, writer and reader."""
    keys = documented_keys()
    assert keys and all(len(row) == COLUMNS and all(row) for row in table())
    strays = {n: v for n, v in constants().items() if v not in keys and not any(is_begun(v, key) for key in keys)}
    assert strays == {}


def test_every_row_has_a_constant() -> None:
    """No documented key is one that the code does not know."""
    values = constants().values()
    assert [key for key in documented_keys() if key not in values and not any(is_begun(v, key) for v in values)] == []


def is_begun(value: str, key: str) -> bool:
    """Whether the value is the fixed part of the key, up to its placeholder or, for a prefix of several keys, to a colon."""
    fixed = re.split(r"\{?<", key)[0]
    return value == fixed or (value.endswith(":") and "<" not in key and key.startswith(value))


def test_no_key_begins_another() -> None:
    """A scan by one prefix never meets the keys of another."""
    prefixes = sorted(v for v in constants().values() if v.endswith(":") and v != redis_keys.CATALOG_PREFIX)
    assert [(a, b) for a, b in pairwise(prefixes) if b.startswith(a)] == []


def test_keys_are_spelled_in_one_place() -> None:
    """No other module writes a key or a part of one."""
    found = [
        f"{path}:{node.lineno}"
        for path in python_files()
        if path != KEYS
        for node in nodes_of(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\bpailou:[\w{<]", node.value)
    ]
    assert found == []


def test_clients_come_from_one_factory() -> None:
    """Only redis_client.py makes redis-py's clients, with a time budget and without retries; others know its errors at most.

    The limits' own connection borrows redis-py's reading of URLs; the in-process server is made by embedded.py, and read whole
    by the all-in-one that saves it.
    """
    allowed = {
        "openplatform/adapters/redis_client.py": ("redis.", "fakeredis"),
        "openplatform/adapters/redis_wire.py": ("hiredis", "redis.asyncio.connection.parse_url"),
        "openplatform/adapters/embedded.py": ("fakeredis",),
        "pailou/redis_snapshot.py": ("fakeredis",),
    }
    found = [
        f"{path}:{line} {name}"
        for path in python_files()
        for name, line in imports_of(path)
        if name.split(".")[0] in ("redis", "fakeredis", "hiredis")
        if not name.startswith(("redis.exceptions.", *allowed.get(path.as_posix(), ())))
    ]
    assert found == []
