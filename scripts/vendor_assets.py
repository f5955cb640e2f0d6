#!/usr/bin/env python3
"""Fetches the console's third-party files by `npm pack`, verifies them, copies what is used; run by a person, never by a build.

scripts/vendor_assets.py            # what the manifest pins; fails when a package has another content
scripts/vendor_assets.py --update   # after a change of PACKAGES or ICONS: pins what comes
"""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "admin_api/console/static/vendor"
TESTS = ROOT / "tests/browser/vendor"
MANIFEST = VENDOR / "manifest.json"
SPRITE = "dist/tabler-sprite.svg"

# package → version, where to, {file in the package: file here}
PACKAGES: dict[str, tuple[str, Path, dict[str, str]]] = {
    "htmx.org": ("4.0.1", VENDOR, {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE"}),
    # Its package has no licence file: the style sheet's head names it, and it is the icons' licence of the same authors.
    "@tabler/core": ("1.6.1", VENDOR, {"dist/css/tabler.min.css": "tabler.min.css"}),
    "@tabler/icons-sprite": ("3.48.0", VENDOR, {SPRITE: "icons.svg", "LICENSE": "tabler.LICENSE"}),
    "echarts": (
        "6.1.0",
        VENDOR,
        {
            "dist/echarts.common.min.js": "echarts.common.min.js",
            "LICENSE": "echarts.LICENSE",
            "NOTICE": "echarts.NOTICE",
        },
    ),
    "axe-core": (
        "4.14.1",
        TESTS,
        {"axe.min.js": "axe.min.js", "LICENSE": "axe.LICENSE", "LICENSE-3RD-PARTY.txt": "axe.LICENSE-3RD-PARTY"},
    ),
}

# Of Tabler's 5,000 icons those that menus and buttons may show; an icon of the menu editor must be among them.
ICONS = (ROOT / "scripts/vendored-icons.txt").read_text().split()


def main() -> None:
    is_update = "--update" in sys.argv[1:]
    pinned = json.loads(MANIFEST.read_text())["packages"] if MANIFEST.exists() else {}
    packages: dict[str, dict[str, str]] = {}
    files: dict[str, str] = {}
    for name, (version, folder, wanted) in PACKAGES.items():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            archive, integrity = fetched(f"{name}@{version}", Path(temporary))
            if not is_update and pinned.get(name) != {"version": version, "integrity": integrity}:
                sys.exit(f"{name}: the manifest pins {pinned.get(name)}, what came is {version} {integrity}")
            packages[name] = {"version": version, "integrity": integrity}
            with tarfile.open(archive) as tar:
                for inside, here in wanted.items():
                    content = read(tar, f"package/{inside}")
                    if inside == SPRITE:
                        content = subset(content)
                    content = re.sub(
                        rb"\n?(//# sourceMappingURL=\S+|/\*# sourceMappingURL=.*? \*/)\s*$", b"\n", content
                    )
                    (folder / here).write_bytes(content)
                    files[str((folder / here).relative_to(ROOT))] = hashlib.sha256(content).hexdigest()
    manifest = {"packages": packages, "files": dict(sorted(files.items()))}
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")
    print(f"{len(files)} files, {sum((ROOT / path).stat().st_size for path in files) // 1024} KiB")


def fetched(package: str, folder: Path) -> tuple[Path, str]:
    """The package's archive and its SHA-512 as npm writes it."""
    said = subprocess.run(
        ["npm", "pack", "--json", package], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    (about,) = json.loads(said)
    return folder / about["filename"], about["integrity"]


def read(tar: tarfile.TarFile, path: str) -> bytes:
    """One file of the archive."""
    file = tar.extractfile(path)
    if file is None:
        sys.exit(f"{path} is not in the package")
    return file.read()


def subset(sprite: bytes) -> bytes:
    """The sprite with the listed icons only."""
    symbols = dict(re.findall(r'(?s)<symbol id="tabler-([a-z0-9-]+)"(.*?</symbol>)', sprite.decode()))
    missing = [name for name in ICONS if name not in symbols]
    if missing:
        sys.exit(f"no such icons: {' '.join(missing)}")
    kept = "\n".join(f'<symbol id="{name}"{symbols[name]}' for name in sorted(set(ICONS)))
    return f'<svg xmlns="http://www.w3.org/2000/svg"><defs>\n{kept}\n</defs></svg>\n'.encode()


if __name__ == "__main__":
    main()
