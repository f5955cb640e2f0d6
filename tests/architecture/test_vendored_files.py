"""Third-party files of the console: what the manifest says, with their licences, loading nothing from elsewhere."""

import hashlib
import json
import re

from tests.architecture.tree import ROOT

VENDOR = ROOT / "admin_api/console/static/vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text())


def test_vendored_files_are_those_of_the_manifest() -> None:
    """Each has the pinned hash, and there are no others; `scripts/vendor_assets.py` fetches them."""
    here = {
        str(path.relative_to(ROOT))
        for folder in (VENDOR, ROOT / "tests/browser/vendor")
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    assert here == set(MANIFEST["files"])
    for path, digest in MANIFEST["files"].items():
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest, path
    assert all(package["integrity"].startswith("sha512-") for package in MANIFEST["packages"].values())


def test_every_vendored_package_comes_with_its_licence() -> None:
    """htmx, Tabler and its icons, ECharts, axe-core."""
    licences = {path.rpartition("/")[2] for path in MANIFEST["files"] if "LICENSE" in path}
    assert {"htmx.LICENSE", "tabler.LICENSE", "echarts.LICENSE", "axe.LICENSE"} <= licences


def test_styles_and_icons_load_nothing_from_elsewhere() -> None:
    """No @import, no url() of another host: images are data."""
    for path in (VENDOR / "tabler.min.css", VENDOR.parent / "console.css", VENDOR / "icons.svg"):
        text = path.read_text()
        assert not re.search(r"@import|url\(['\"]?(https?:)?//|href=\"http", text), path
