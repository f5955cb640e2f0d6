"""Who may import whom: the contracts of pyproject.toml hold, and nothing escapes them."""

import subprocess
import sys
import tomllib

from tests.architecture.tree import ROOT, is_migration, packages, python_files

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_import_contracts_are_kept() -> None:
    """No module imports what its contract forbids."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_is_under_contract() -> None:
    """A new package is in the graph, and one of its contracts names every module it may have."""
    assert set(LINTER["root_packages"]) == set(packages())
    exhaustive = {
        container
        for contract in LINTER["contracts"]
        if contract.get("exhaustive")
        for container in contract.get("containers", ())
    }
    assert set(packages()) <= exhaustive


def test_every_module_imports_without_a_warning() -> None:
    """Each module of the packages can be imported with warnings as errors, before any setting exists."""
    modules = [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in python_files()
        if not is_migration(path) and path.name != "__main__.py"
    ]
    script = (
        "import importlib, sys, traceback\n"
        "failed = 0\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except BaseException:\n"
        "        failed = 1\n"
        "        print(name, traceback.format_exc(limit=-2))\n"
        "sys.exit(failed)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *modules],
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_migrations_are_no_packages() -> None:
    """Nothing can import a migration: Alembic loads them by path."""
    assert [path for path in python_files() if is_migration(path) and path.name == "__init__.py"] == []
