"""The one list of stages in gateway/pipeline.py: complete, and each stage under test."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import ROOT, imports_of, python_files, text_of, tree_of

PIPELINE = Path("gateway/pipeline.py")
FILTERS = tuple(p for p in python_files("gateway") if p.parts[1] == "filters" and p.name != "__init__.py")


def filters() -> Iterator[tuple[Path, str]]:
    """(file, class) of every filter: a public class below gateway/filters/ whose objects take a call."""
    for path in FILTERS:
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and takes_a_call(node):
                yield path, node.name


def takes_a_call(node: ast.ClassDef) -> bool:
    """Whether the class has `__call__(self, call: Call)`."""
    methods = [m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef) and m.name == "__call__"]
    return any(
        [a.annotation is not None and ast.unparse(a.annotation) for a in m.args.args[1:]] == ["Call"] for m in methods
    )


def listed() -> list[str]:
    """Names of the filters that `build_pipeline` and `build_batch` make, in the order of their lists."""
    builders = [n for n in tree_of(PIPELINE).body if isinstance(n, ast.FunctionDef) and n.name.startswith("build_")]
    calls = [node for builder in builders for node in ast.walk(builder) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
    return [name for name in names if name[0].isupper() and name != "Pipeline"]


def test_every_filter_is_in_the_list_once() -> None:
    """A filter that no list names would never run; one that runs is one of gateway/filters/."""
    assert sorted(listed()) == sorted(name for _, name in filters())


def test_every_file_of_filters_holds_one() -> None:
    """gateway/filters/ holds filters and nothing beside them."""
    assert {path for path, _ in filters()} == set(FILTERS)


def test_every_filter_is_under_test() -> None:
    """Each filter has a test file of its own name, or one that imports it."""
    tested = {name for path in python_files("tests") if path.name.startswith("test_") for name, _ in imports_of(path)}
    names = {path.stem.removeprefix("test_") for path in python_files("tests")}
    untested = [
        f"{path}: {name}"
        for path, name in filters()
        if path.stem not in names and ".".join((*path.with_suffix("").parts, name)) not in tested
    ]
    assert untested == []


def test_the_request_path_is_documented_as_it_runs() -> None:
    """docs/request-path.md shows the stages of the list, all of them, in its order, each with a link to its file."""
    text = text_of(Path("docs/request-path.md"))
    files = {name: path for path, name in filters()}
    rows = [f"[`{name}`](../{files[name].as_posix()})" for name in listed()]
    positions = [text.find(row) for row in rows]
    assert -1 not in positions, [row for row, at in zip(rows, positions, strict=True) if at < 0]
    assert positions == sorted(positions)
    assert (ROOT / "docs/request-path.md").exists()
