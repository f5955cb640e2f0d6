"""A real Elasticsearch 8.19 in its smallest package, unpacked from a cache whose hash is checked."""

import hashlib
import json
import os
import re
import shutil
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import INSTALL_HINT, Server, ServerUnavailable

VERSION = "8.19.9"
SHA256 = "6a0603db2b0406776dcf15df248294941f310e9183ca18a219bc8c6d57546ff0"
OLDEST_JAVA = 17


class Elasticsearch(Server):
    """One node on `http://127.0.0.1:port`, security off, 512 MB heap (1.2 GB resident at most)."""

    name = "elasticsearch"
    compiler = "-XX:TieredStopAtLevel=1"
    """Ready in 9 s instead of 12: a test run ends before the optimising compiler has paid off."""
    user = "nobody"  # it refuses root, and its small package brings no user of its own

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.port, self._transport_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def spawn(self) -> None:
        """Unpack it at the first start (1.5 s), then start it with a configuration of our own."""
        java_home = find_java()
        home = self.folder / f"elasticsearch-{VERSION}"
        if self.make_folder():
            unpack(cached_package(), self.folder)
            for name in ("config", "data", "logs", "tmp"):
                (self.folder / name).mkdir()
                self.own(self.folder / name)
            self._configure(home)
        self.launch(
            [str(home / "bin" / "elasticsearch")],
            {
                "ES_JAVA_HOME": str(java_home),
                "ES_PATH_CONF": str(self.folder / "config"),
                "ES_TMPDIR": str(self.folder / "tmp"),
            },
        )

    def answers(self) -> bool:
        """The node takes writes: its indices have their primary shards. (`GET /` is a module that this package lacks.)

        Yellow is as good as it gets after a restart, for an index with a replica on one node.
        """
        try:
            with urllib.request.urlopen(f"{self.url}/_cluster/health", timeout=5) as answer:
                return json.load(answer)["status"] in ("green", "yellow")
        except urllib.error.HTTPError as error:
            error.close()
            return False

    def _configure(self, home: Path) -> None:
        config = self.folder / "config"
        shutil.copy(home / "config" / "log4j2.properties", config)
        (config / "elasticsearch.yml").write_text(
            "cluster.name: pailou-test\n"
            "discovery.type: single-node\n"
            "xpack.security.enabled: false\n"
            "http.host: 127.0.0.1\n"
            f"http.port: {self.port}\n"
            "transport.host: 127.0.0.1\n"
            f"transport.port: {self._transport_port}\n"
            f"path.data: {self.folder}/data\n"
            f"path.logs: {self.folder}/logs\n"
            # A developer's disk is often fuller than the 85 % at which it would refuse new indices.
            "cluster.routing.allocation.disk.threshold_enabled: false\n"
            # With that, each look at the disks takes away the block of a flood stage, which a test puts up: none in a run.
            "cluster.info.update.interval: 24h\n"
            "action.destructive_requires_name: false\n"
        )
        (config / "jvm.options").write_text(
            "-Xms512m\n-Xmx512m\n"
            f"{self.compiler}\n"
            "-XX:+ExitOnOutOfMemoryError\n"
            f"-Djava.io.tmpdir={self.folder}/tmp\n"
            f"-XX:ErrorFile={self.folder}/logs/crash-%p.log\n"
            "20-:--add-modules=jdk.incubator.vector\n"
        )


def cached_package() -> Path:
    """The package in the cache (scripts/install-test-servers puts it there), its hash checked."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pailou"
    package = cache / f"elasticsearch-{VERSION}.zip"
    if not package.exists():
        raise ServerUnavailable(f"no {package}: {INSTALL_HINT}")
    with package.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise ServerUnavailable(f"{package} has SHA-256 {found}, expected {SHA256}: delete it, then {INSTALL_HINT}")
    return package


def unpack(package: Path, folder: Path) -> None:
    """Unpack the zip readable for every user, programs executable (`zipfile.extractall` drops all permissions)."""
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, folder))
            runs = entry.is_dir() or (entry.external_attr >> 16) & 0o100
            path.chmod(0o755 if runs else 0o644)


def find_java() -> Path:
    """The home of a Java of version ≥ 17: JAVA_HOME's, or the oldest under /usr/lib/jvm that is new enough."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    installed = sorted((java_version(home), home) for home in Path("/usr/lib/jvm").glob("*"))
    homes += [home for _, home in installed]
    for home in homes:
        if java_version(home) >= OLDEST_JAVA:
            return home
    raise ServerUnavailable(
        f"no Java of version {OLDEST_JAVA} or newer under JAVA_HOME or /usr/lib/jvm: {INSTALL_HINT}"
    )


def java_version(home: Path) -> int:
    """The major version of a Java home, 0 when it is none."""
    release = home / "release"
    if not (home / "bin" / "java").exists() or not release.exists():
        return 0
    found = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
    return int(found.group(1)) if found else 0


def delete_everything(server_url: str) -> None:
    """Delete all indices and index templates but the server's own, so that a test starts with nothing."""
    templates = _call(server_url, "GET", "/_index_template").get("index_templates", [])
    for template in templates:
        managed = template["index_template"].get("_meta", {}).get("managed")
        if not managed and not template["name"].startswith("."):
            _call(server_url, "DELETE", f"/_index_template/{template['name']}")
    names = [name for name in _call(server_url, "GET", "/*?features=aliases") if not name.startswith(".")]
    if names:
        _call(server_url, "DELETE", "/" + ",".join(names))


def _call(server_url: str, method: str, path: str) -> dict:
    request = urllib.request.Request(server_url.rstrip("/") + path, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)
