"""The documentation: what it names exists, and what it lists is complete."""

import re
import tomllib
from pathlib import Path

from tests.architecture.tree import ROOT, files, packages, text_of

PAGES = tuple(path for path in files() if path.suffix == ".md")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PATHLIKE = re.compile(r"^(?:[\w.-]+/)+[\w.-]*$")


def test_links_lead_somewhere() -> None:
    """Every relative link of every page names a file or folder of the project."""
    lost = [
        f"{page}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text_of(page))
        if "://" not in target and not (ROOT / page.parent / target).exists()
    ]
    assert lost == []


def test_pictures_are_shown_and_small() -> None:
    """Each picture of docs/img is on a page, and none is larger than 150 kB."""
    shown = {name for page in PAGES for name in re.findall(r"!\[[^\]]*\]\(\S*img/([^)\s]+)\)", text_of(page))}
    pictures = {path.relative_to(ROOT / "docs/img").as_posix(): path for path in (ROOT / "docs/img").rglob("*.*")}
    assert set(pictures) == shown
    assert [name for name, path in pictures.items() if path.stat().st_size > 150_000] == []


def test_paths_in_texts_exist() -> None:
    """A path in `code`, beginning with a folder of the project, is there."""
    folders = {path.parts[0] for path in files() if len(path.parts) > 1}
    lost = [
        f"{page}: {word}"
        for page in PAGES
        for word in re.findall(r"`([^`\n]+)`", text_of(page))
        if PATHLIKE.match(word) and word.split("/")[0] in folders and not (ROOT / word).exists()
    ]
    assert lost == []


def test_every_dependency_has_its_line() -> None:
    """docs/dependencies.md has one row for each package of pyproject.toml, and none for another."""
    groups = PROJECT["dependency-groups"].values()
    named = [name for group in (PROJECT["project"]["dependencies"], *groups) for name in group]
    rows = re.findall(r"^\| ([\w-]+) \|", text_of(Path("docs/dependencies.md")), re.MULTILINE)
    wanted = {re.split(r"[\[<>=;\s]", name)[0] for name in named}
    assert sorted(row for row in rows if row != "package") == sorted(wanted)


def test_every_decision_is_listed_and_complete() -> None:
    """docs/adr/ has one index; each decision is numbered, and says status, context, decision and consequences."""
    decisions = [path for path in files() if path.parent == Path("docs/adr") and path.name != "README.md"]
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    index = text_of(Path("docs/adr/README.md"))
    for path in decisions:
        text = text_of(path)
        assert f"]({path.name})" in index, path
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path
        assert re.search(r"^Status: (proposed|accepted|replaced by \d{4})", text, re.MULTILINE), path


def test_the_readme_shows_every_folder() -> None:
    """README's list of folders names each package that runs."""
    text = text_of(Path("README.md"))
    assert [name for name in packages() if f"[`{name}/`]({name}/)" not in text] == []
