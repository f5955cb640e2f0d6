"""The project's own files, as the architecture tests see them: everything but what .gitignore names and what others wrote."""

import ast
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT_FREE = {".png", ".jpg", ".ico", ".woff2", ".xlsx"}
OF_OTHERS = "vendor"


@cache
def files() -> tuple[Path, ...]:
    """All files, relative to ROOT, sorted. Git is not asked: a new file counts before it is added, an archive needs no git."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split() if not line.startswith("#")]

    def is_ours(name: str) -> bool:
        return name not in (".git", OF_OTHERS) and not any(fnmatch(name, pattern) for pattern in ignored)

    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = filter(is_ours, folders)
        found += [(Path(folder) / name).relative_to(ROOT) for name in names if is_ours(name)]
    return tuple(sorted(found))


@cache
def packages() -> tuple[str, ...]:
    """Names of the packages that run: every folder of ROOT that Python can import, without tests, benchmarks and data."""
    inside = {path.parts[0] for path in files() if len(path.parts) == 2 and path.name == "__init__.py"}
    return tuple(sorted(inside - {"tests", "benchmarks", "es_mappings"}))


def python_files(*folders: str) -> tuple[Path, ...]:
    """The .py files below these folders, relative to ROOT; without arguments: of the packages."""
    below = folders or packages()
    return tuple(path for path in files() if path.suffix == ".py" and path.parts[0] in below)


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file of `files()`."""
    return ast.parse((ROOT / path).read_bytes(), filename=str(path))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of that tree: many tests look at them, one walk does."""
    return tuple(ast.walk(tree_of(path)))


@cache
def text_of(path: Path) -> str:
    """The text of a file of `files()`; "" for one that holds none."""
    return "" if path.suffix in TEXT_FREE else (ROOT / path).read_text(encoding="utf-8")


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of everything the file imports, wherever in it: `from a import b` gives `a.b`."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def is_migration(path: Path) -> bool:
    """Whether Alembic loads the file, and nobody imports it."""
    return "migrations" in path.parts
