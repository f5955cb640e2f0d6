"""A real Chromium before a running all-in-one with demo data, started once per run."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from openplatform.env import environment
from tests.browser.operator import Platform, Reader
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--force-color-profile=srgb",
]  # fmt: skip
READY_S = 300
QUICK = {"PAILOU_MONITOR_EVERY_S": "2", "PAILOU_MONITOR_DELAY_S": "0"}
"""Alerts within seconds: nobody waits for minutes."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; nothing is downloaded. A module's own: while Playwright is open no test with an event loop can run here."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`pailou dev` with demo data, in a process of its own."""
    folder = tmp_path_factory.mktemp("all-in-one")
    ports = ["--gateway-port", str(free_port()), "--admin-port", str(free_port())]
    clean = {name: value for name, value in environment().items() if not name.startswith("PAILOU_")}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pailou", "dev", *ports],
            cwd=folder, env=clean | QUICK | {"PYTHONPATH": str(ROOT)}, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        words = _ready(folder, process)
        demo = json.loads((folder / "var/demo.json").read_text())
        assert demo["admin_url"] in words
        with Platform(demo, folder / "var") as running:
            yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def outbox(platform: Platform) -> Path:
    """Where alert mails arrive, one file each."""
    return platform.var / "outbox"


@pytest.fixture
def reader(browser: Browser, platform: Platform) -> Iterator[Reader]:
    """The administrator in a fresh browser, signed in, Chinese; the test fails on what its pages complain of."""
    with Reader(browser, platform) as opened:
        opened.sign_in()
        yield opened


@pytest.fixture
def stranger(browser: Browser, platform: Platform) -> Iterator[Reader]:
    """The same without a session."""
    with Reader(browser, platform) as opened:
        yield opened


def _ready(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    """What it has printed once it is ready."""
    for _ in range(READY_S * 10):
        words = (folder / "output").read_text()
        if "A fresh one at any time" in words:
            return words
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError((folder / "output").read_text())
