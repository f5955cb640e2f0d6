"""Which calls are meant: the options that `search`, `tail` and `export` share, and their way into the admin API's words."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Words = Annotated[
    list[str] | None, typer.Argument(metavar="[WORD]…", help='All must occur in the request; "in quotes" = a phrase.')
]
From = Annotated[str, typer.Option("--from", help="Since: 15m, 2h, 7d ago, or 2026-11-22T08:00[:01][+08:00].")]
To = Annotated[str, typer.Option("--to", help="Before: the same; now = the default.")]
App = Annotated[str, typer.Option("--app", help="In the app's name.")]
AppKey = Annotated[list[str] | None, typer.Option("--app-key", help="The app; may be given several times.")]
Api = Annotated[str, typer.Option("--api", help="The API's name.")]
Vender = Annotated[int | None, typer.Option("--vender", help="The merchant.", min=0)]
Error = Annotated[str, typer.Option("--error", help="A code, code:sub_code, or any.")]
Ip = Annotated[str, typer.Option("--ip", help="The caller's address, or a network such as 10.0.0.0/8.")]
MinMs = Annotated[int | None, typer.Option("--min-ms", help="Took so long or longer.", min=0)]
MaxMs = Annotated[int | None, typer.Option("--max-ms", help="Took so long or less.", min=0)]


@dataclass(frozen=True)
class Asked:
    """Conditions as parameters of the admin API; from_ms inclusive, to_ms exclusive, epoch ms."""

    from_ms: int
    to_ms: int
    conditions: list[tuple[str, object]] = field(default_factory=list)

    def params(self, **more: object) -> list[tuple[str, object]]:
        """All of it; more: further parameters, None = not given."""
        return [("from", self.from_ms), ("to", self.to_ms), *self.conditions, *more.items()]


def asked(
    words: list[str] | None,
    since: str,
    before: str,
    app: str,
    app_key: list[str] | None,
    api: str,
    vender: int | None,
    error: str,
    ip: str,
    min_ms: int | None,
    max_ms: int | None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
) -> Asked:
    """Raises typer.BadParameter for a time that is none."""
    given: dict[str, Any] = {
        "q": " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words or []), "app": app,
        "api_name": api, "vender_id": vender, "error": error, "remote_ip": ip, "min_ms": min_ms, "max_ms": max_ms,
    }  # fmt: skip
    conditions: list[tuple[str, object]] = [item for item in given.items() if item[1] not in (None, "")]
    conditions += [("app_key", key) for key in app_key or []]
    moment = now()
    from_ms, to_ms = _ms(since, "--from", moment), _ms(before, "--to", moment)
    if from_ms >= to_ms:
        raise typer.BadParameter("must be before --to", param_hint="--from")
    return Asked(from_ms, to_ms, conditions)


def _ms(text: str, option: str, now: datetime) -> int:
    """Epoch ms. A time without a zone is this machine's."""
    if text == "now":
        # What is received this very second counts as well, by gateways whose clocks are ahead.
        return int((now + timedelta(seconds=10)).timestamp() * 1000)
    if ago := _AGO.fullmatch(text):
        return int((now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp() * 1000)
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(
            f"{text!r} is no time: say 15m, 2h, 7d (ago), or 2026-11-22T08:00:00+08:00", param_hint=option
        ) from None
