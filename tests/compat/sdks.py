"""The published SDKs under test, each run in a process of its own: it gets an order of calls and says how each ended."""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.gateway_world import SECRET, SESSION

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / "build" / "test-sdks"
DRIVERS = Path(__file__).parent / "drivers"
WITHIN_S = 180


@dataclass(frozen=True)
class Sdk:
    """registry: where it is published; driver: the program in drivers/ with its arguments; has_roots: whether its answers
    keep the envelope's root; sends_files: whether it can."""

    name: str
    version: str
    registry: str
    driver: tuple[str, ...]
    has_roots: bool = False
    sends_files: bool = True

    def __str__(self) -> str:
        return f"{self.registry}:{self.name}"


SDKS = (
    Sdk("topsdk", "20.4.21.40", "pypi", ("top_api.py", "top"), has_roots=True),
    Sdk("py-taobao-open", "1.0.3", "pypi", ("top_api.py", "taobao_open"), has_roots=True),
    Sdk("taobaopy", "6.0.1", "pypi", ("drive_taobaopy.py",), has_roots=True),
    Sdk("ali-topsdk", "2.0.5", "npm", ("ali_topsdk.js",)),
    Sdk("topsdk", "1.0.13", "npm", ("topsdk.js",)),
    Sdk("node-taobao-topclient", "0.1.7", "npm", ("node_taobao_topclient.js",), sends_files=False),
)


@dataclass(frozen=True, eq=False)
class SdkCall:
    """One call as a user of an SDK makes it; session None: without one."""

    api: str = "open.echo.get"
    params: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    session: str | None = SESSION
    secret: str = SECRET


async def outcomes(sdk: Sdk, url: str, calls: list[SdkCall]) -> list[Any]:
    """How each call ended: the content of its answer's root, or (code, sub_code or None)."""
    if not INSTALLED.is_dir():
        raise AssertionError("the SDKs under test are not here: run scripts/install-test-sdks")
    program, *arguments = sdk.driver
    runs = ["node"] if program.endswith(".js") else [sys.executable]
    order = {"url": url, "app_key": "1023", "calls": [asdict(call) for call in calls]}
    process = await asyncio.create_subprocess_exec(
        *runs, str(DRIVERS / program), *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        # Several SDKs send their machine's wall time, where the protocol says GMT+8.
        env={
            "PATH": os.environ["PATH"], "TZ": "Asia/Shanghai", "NO_PROXY": "127.0.0.1", "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(INSTALLED / "python"), "NODE_PATH": str(INSTALLED / "node_modules"),
        },
    )  # fmt: skip
    try:
        async with asyncio.timeout(WITHIN_S):
            said, complaints = await process.communicate(json.dumps(order).encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, complaints.decode()
    return [_read(outcome, sdk, call) for outcome, call in zip(json.loads(said), calls, strict=True)]


def _read(outcome: dict[str, Any], sdk: Sdk, call: SdkCall) -> Any:
    if "error" in outcome:
        return tuple(outcome["error"])
    answer = outcome["answer"]
    return answer[call.api.replace(".", "_") + "_response"] if sdk.has_roots else answer
