"""Scripts, styles and icons: served from this process, under addresses that change with their content."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
ASSETS_PATH = "/assets"
ICONS_PATH = "vendor/icons.svg"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file as it is sent. tag: the beginning of its SHA-256, in its address and as its ETag."""

    content: bytes
    media_type: str
    tag: str

    @cached_property
    def gzipped(self) -> bytes:
        """Made at the first request: scripts and styles shrink to a fifth."""
        return gzip.compress(self.content, 9, mtime=0)


@cache
def assets() -> dict[str, Asset]:
    """Path below /assets → file, of those that pages may load; licences and the manifest are not among them."""
    found = {}
    for file in sorted(FOLDER.rglob("*")):
        if file.suffix in _TYPES:
            content = file.read_bytes()
            tag = hashlib.sha256(content).hexdigest()[:16]
            found[file.relative_to(FOLDER).as_posix()] = Asset(content, _TYPES[file.suffix], tag)
    return found


@cache
def icons() -> tuple[str, ...]:
    """The names of the icons that there are, in alphabetical order."""
    return tuple(re.findall(r'<symbol id="([^"]+)"', assets()[ICONS_PATH].content.decode()))


@cache
def icon_url(name: str) -> str:
    """The icon's place in the sprite; one that is not there shows as a point: menus are edited by people."""
    return f"{asset_url(ICONS_PATH)}#{name if name in icons() else 'point'}"


def asset_url(path: str) -> str:
    """The address of a file of `static/`, good for ever. Raises KeyError for a file that is not there."""
    return f"{ASSETS_PATH}/{path}?v={assets()[path].tag}"
