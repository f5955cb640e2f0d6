"""How files are named, how long they are, and that each says what it is."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import ROOT, files, is_migration, nodes_of, packages, python_files, text_of, tree_of

MOST_LINES = 300
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc", "shared"}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# Hosts of package registries and mirrors: what they serve is named without them, so that any index or mirror will do.
REGISTRIES = (
    "pypi.org", "pythonhosted.org", "registry.npmjs", "npmmirror", "yarnpkg.com", "maven.org", "maven.apache.org",
    "docker.io", "docker.com", "ghcr.io", "quay.io", "gcr.io", "docker.elastic.co", "proxy.golang.org", "rubygems.org",
    "crates.io", "nuget.org", "packagist.org", "tuna.tsinghua", "mirrors.aliyun", "/simple/",
)  # fmt: skip


def test_no_file_is_longer_than_the_cap() -> None:
    """A module past 300 lines has found its next folder."""
    lengths = {str(path): len(text_of(path).splitlines()) for path in python_files(*packages(), "tests", "benchmarks")}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    """No utils, helpers, common, manager or base, as file or folder or as part of its name."""
    named = {path: {word for part in path.with_suffix("").parts for word in part.split("_")} for path in files()}
    assert [str(path) for path, words in named.items() if words & EMPTY_NAMES] == []


def public_definitions(path: Path) -> Iterator[Definition]:
    """The module's own public functions and classes."""
    for node in tree_of(path).body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node


def test_everything_public_says_what_it_is() -> None:
    """Every module, public class and public function of the packages has a docstring; a module's opens the file."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path in python_files()
        if not is_migration(path)
        for node in public_definitions(path)
        if not ast.get_docstring(node)
    ]
    silent += [str(path) for path in python_files(*packages(), "tests", "benchmarks") if not opens_with_docstring(path)]
    assert silent == []


def opens_with_docstring(path: Path) -> bool:
    """Whether the first line of the file begins the module's docstring, with text on it."""
    first = text_of(path).partition("\n")[0]
    return bool(ast.get_docstring(tree_of(path))) and first.startswith(('"""', 'r"""')) and len(first) > 4


def test_every_test_says_its_promise() -> None:
    """Each test function has a docstring: what it promises about the product."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path in python_files("tests")
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_file_names_a_registry() -> None:
    """Lock files, images and scripts name packages, never the host that serves them."""
    here = Path(__file__).relative_to(ROOT)
    found = {str(path): [h for h in REGISTRIES if h in text_of(path).lower()] for path in files() if path != here}
    assert {path: hosts for path, hosts in found.items() if hosts} == {}


def test_lock_files_pin_every_package_by_hash() -> None:
    """Each requirement of each lock file is an exact version with at least one hash, and no option names an index."""
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert [lock.name for lock in locks] == ["requirements-dev.lock", "requirements-uv.lock", "requirements.lock"]
    for lock in [*locks, ROOT / "tests/compat/requirements.lock"]:
        entries = lock.read_text().replace("\\\n", " ").splitlines()
        wrong = [e for e in entries if e.strip() and not e.lstrip().startswith("#") and not is_pinned(e)]
        assert wrong == [], lock.name


def test_npm_packages_are_pinned_by_hash() -> None:
    """Each package of tests/compat has an exact version and an integrity, and no place where it is to be fetched."""
    lock = json.loads((ROOT / "tests/compat/npm.lock").read_text())
    packages = {place: entry for place, entry in lock["packages"].items() if place}
    assert [place for place, entry in packages.items() if not entry["integrity"].startswith("sha512-")] == []
    assert [place for place, entry in packages.items() if "resolved" in entry] == []


def is_pinned(entry: str) -> bool:
    """Whether a lock file's entry reads `name==version … --hash=sha256:…`."""
    return "==" in entry and "--hash=sha256:" in entry and not entry.startswith("-")


def test_nothing_is_skipped_or_mocked() -> None:
    """A test that looks green has run; what it replaces is a port, not a function patched by a mock."""
    forbidden = {"skip", "skipif", "xfail", "importorskip"}
    found = [
        f"{path}:{node.lineno}"
        for path in python_files("tests")
        for node in nodes_of(path)
        if (isinstance(node, ast.Attribute) and node.attr in forbidden and is_pytest(node.value))
        or (isinstance(node, ast.ImportFrom) and node.module in ("unittest", "unittest.mock", "mock"))
        or (isinstance(node, ast.Import) and any(a.name.startswith(("unittest.mock", "mock")) for a in node.names))
    ]
    assert found == []


def is_pytest(node: ast.expr) -> bool:
    """Whether the expression is `pytest` or `pytest.mark`."""
    return ast.unparse(node) in ("pytest", "pytest.mark")
