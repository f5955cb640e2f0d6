"""`pailou sign --explain`: what is wrong with a request that the gateway refuses."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from openplatform.env import Env
from openplatform.errors import SettingsError
from openplatform.sign_explanation import Explanation, explain, read_pasted
from pailou.terminal import demo_file, out, talk


def explain_request(source: str, *, demo: bool, as_json: bool) -> int:
    """Exit status: 0 nothing wrong, 1 something is. source: the request itself, a file that holds it, or `-` for standard input.

    The secret comes from PAILOU_APP_SECRET (or …_FILE); without one the signature is judged by its form. Raises SettingsError for a
    text that is no request.
    """
    env = Env(service="pailou sign")
    secret = demo_file(Path(env.text("VAR_DIR", "var")))["app_secret"] if demo else env.text("APP_SECRET", "")
    env.finish()
    try:
        request = read_pasted(_text(source))
    except ValueError as error:
        raise SettingsError(f"--explain: {error}") from None
    told = explain(request, living=[secret] if secret else [], now=time.time())
    if as_json:
        out.print(json.dumps({"is_good": told.is_good, **asdict(told)}, ensure_ascii=False))
    else:
        _show(told, has_secret=bool(secret))
    return 0 if told.is_good else 1


def _text(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    path = Path(source)
    if "\n" not in source and len(source) < 1000 and path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    return source


def _show(told: Explanation, *, has_secret: bool) -> None:
    if told.signed_text:
        talk.print("[bold]To be signed[/]")
        talk.print(told.signed_text, markup=False)
    if told.sign:
        talk.print("[bold]Signature that it gives[/]")
        talk.print(told.sign, markup=False)
    for finding in told.findings:
        mark = "✗" if finding.is_fault else "·"
        out.print(f"{mark} {finding.rule}: {finding.detail}", markup=False)
    if not has_secret:
        talk.print("Without the app's secret the signature cannot be compared: set PAILOU_APP_SECRET, or --demo.")
    if told.is_good and not told.findings:
        out.print("· nothing is wrong with its form")
