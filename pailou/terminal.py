"""Where commands print, and what `pailou dev` left for those that follow."""

import json
from datetime import datetime
from pathlib import Path

from rich.console import Console

from openplatform.errors import SettingsError

out = Console(soft_wrap=True, highlight=False, markup=False)
"""Answers, which may be piped on."""
talk = Console(soft_wrap=True, highlight=False, stderr=True)
"""Everything that is said beside them."""


def local_time(epoch_ms: int | None) -> str:
    """In this machine's zone, to the second; None = unknown."""
    return "-" if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000).astimezone().isoformat(" ", "seconds")


def demo_file(var_dir: Path) -> dict[str, str]:
    """var/demo.json. Raises SettingsError when it is not there."""
    path = var_dir / "demo.json"
    try:
        known: dict[str, str] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SettingsError(
            f"{path} is missing: `pailou dev` writes it; run this in the folder where it runs"
        ) from None
    return known
