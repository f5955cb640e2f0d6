"""The only reader of os.environ: turns variables into settings and reports every mistake at once."""

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openplatform.errors import SettingsError

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Env:
    """Reads `PAILOU_<NAME>` variables. A mistake is remembered and a placeholder returned; `finish()` raises them together.

    A secret may come from a file named by `PAILOU_<NAME>_FILE` (its trailing line break is dropped).
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, service: str = "pailou") -> None:
        self._environ = os.environ if environ is None else environ
        self._service = service
        self._mistakes: list[str] = []

    def text(
        self,
        name: str,
        default: str | None = None,
        *,
        why: str = "",
        pattern: re.Pattern[str] | None = None,
        rule: str = "",
    ) -> str:
        """The variable's text; without a default it must be set and not empty. `why` says what it is for.

        The whole text must match `pattern`; `rule` says so to people: "must be an e-mail address".
        """
        return self._read(name, default, lambda raw: _matched(raw, pattern, rule), "", why)

    def secret(self, name: str, *, why: str = "") -> str:
        """Like `text`, without a default."""
        return self.text(name, why=why)

    def integer(self, name: str, default: int, *, low: int = 0, high: int = 2**31 - 1) -> int:
        def parse(raw: str) -> int:
            value = int(raw)
            if not low <= value <= high:
                raise ValueError(f"must be a whole number from {low} to {high}")
            return value

        return self._read(name, default, parse, default)

    def number(self, name: str, default: float, *, low: float = 0.0, high: float = 1e9) -> float:
        def parse(raw: str) -> float:
            value = float(raw)
            if not low <= value <= high:
                raise ValueError(f"must be a number from {low:g} to {high:g}")
            return value

        return self._read(name, default, parse, default)

    def boolean(self, name: str, default: bool) -> bool:
        def parse(raw: str) -> bool:
            try:
                return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[raw.lower()]
            except KeyError:
                raise ValueError("must be true or false") from None

        return self._read(name, default, parse, default)

    def choice(self, name: str, default: str, options: tuple[str, ...]) -> str:
        def parse(raw: str) -> str:
            if raw not in options:
                raise ValueError(f"must be one of {', '.join(options)}")
            return raw

        return self._read(name, default, parse, default)

    def url(self, name: str, default: str | None = None, *, schemes: tuple[str, ...], why: str = "") -> str:
        def parse(raw: str) -> str:
            if urlsplit(raw).scheme not in schemes:
                raise ValueError(f"must be a URL that starts with {' or '.join(s + ':' for s in schemes)}")
            return raw

        return self._read(name, default, parse, "", why)

    def otlp_url(self) -> str:
        """Where traces go: PAILOU_OTLP_URL; "" = nowhere."""

        def parse(raw: str) -> str:
            if raw and urlsplit(raw).scheme not in ("http", "https"):
                raise ValueError(
                    "must be a URL that starts with http: or https:, such as http://127.0.0.1:4318, or empty"
                )
            return raw

        return self._read("OTLP_URL", "", parse, "")

    def words(
        self,
        name: str,
        default: str | None = "",
        *,
        why: str = "",
        pattern: re.Pattern[str] | None = None,
        rule: str = "",
    ) -> tuple[str, ...]:
        """A comma-separated list; empty items are dropped. With a default of None it must not be empty; see `text` for the rest."""

        def parse(raw: str) -> tuple[str, ...]:
            items = tuple(_matched(word.strip(), pattern, rule) for word in raw.split(",") if word.strip())
            if default is None and not items:
                raise ValueError("must name at least one")
            return items

        return self._read(name, default, parse, (), why)

    def networks(self, name: str, default: str = "") -> tuple[Network, ...]:
        """A comma-separated list of CIDR networks."""
        return self._read(
            name, default, lambda raw: tuple(ipaddress.ip_network(w.strip()) for w in raw.split(",") if w.strip()), ()
        )

    def named_networks(self, name: str) -> dict[str, tuple[Network, ...]]:
        """`10.0.0.0/8,order-service=10.1.0.0/16|10.2.0.0/16`: networks by the name before them, "" for those without one."""

        def parse(raw: str) -> dict[str, tuple[Network, ...]]:
            found: dict[str, tuple[Network, ...]] = {}
            for word in (word.strip() for word in raw.split(",") if word.strip()):
                named, _, cidrs = word.rpartition("=")
                networks = tuple(ipaddress.ip_network(cidr.strip()) for cidr in cidrs.split("|"))
                found[named.strip()] = (*found.get(named.strip(), ()), *networks)
            return found

        return self._read(name, "", parse, {})

    def time_zone(self, name: str = "TIME_ZONE", default: str = "Asia/Shanghai") -> ZoneInfo:
        def parse(raw: str) -> ZoneInfo:
            try:
                return ZoneInfo(raw)
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError("must be an IANA time zone such as Asia/Shanghai") from None

        return self._read(name, default, parse, ZoneInfo("UTC"))

    def internal_keys(self) -> tuple[str, ...]:
        """The shared secrets between gateway and services: the first is sent, all are accepted."""

        def parse(raw: str) -> tuple[str, ...]:
            keys = tuple(w.strip() for w in raw.split(",") if w.strip())
            if not keys or any(len(key) < 16 or not key.isascii() for key in keys):
                raise ValueError("must be one or two keys of at least 16 ASCII characters, comma-separated")
            return keys

        return self._read("INTERNAL_KEYS", None, parse, (), "the secret that services know each other by")

    def master_keys(self) -> dict[str, bytes]:
        """Keys that seal secrets at rest: key id → 32 bytes; the first one seals, all of them open."""

        def parse(raw: str) -> dict[str, bytes]:
            keys: dict[str, bytes] = {}
            for word in raw.split(","):
                kid, _, encoded = word.strip().partition(":")
                try:
                    key = base64.b64decode(encoded, validate=True)
                except binascii.Error:
                    key = b""
                if not kid or len(key) != 32:
                    raise ValueError("must be `key id:base64 of 32 bytes`, comma-separated")
                keys[kid] = key
            return keys

        return self._read("MASTER_KEYS", None, parse, {}, "the key that seals app secrets at rest")

    def finish(self) -> None:
        """Raises SettingsError naming every variable that is missing or wrong."""
        if self._mistakes:
            lines = "\n".join(f"  {line}" for line in self._mistakes)
            raise SettingsError(f"{self._service} cannot start, {len(self._mistakes)} setting(s) are wrong:\n{lines}")

    def _read(self, name: str, default: object, parse: Callable[[str], T], placeholder: T, why: str = "") -> T:
        variable = f"PAILOU_{name}"
        raw = self._environ.get(variable)
        file = self._environ.get(f"{variable}_FILE")
        if not raw and file:
            try:
                raw = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                self._mistakes.append(f"{variable}_FILE: {file} cannot be read ({error})")
                return placeholder
        if not raw:
            if default is None:
                self._mistakes.append(f"{variable} is not set" + (f": {why}" if why else ""))
                return placeholder
            if not isinstance(default, str):
                return default  # type: ignore[return-value]  # the caller's default has the parsed type already
            raw = default
            if raw == "":
                try:
                    return parse("")
                except ValueError:
                    return placeholder
        try:
            return parse(raw)
        except ValueError as error:
            self._mistakes.append(f"{variable}: {error}")
            return placeholder


def environment() -> dict[str, str]:
    """A copy of this process's variables, for commands that start others with settings of their own."""
    return dict(os.environ)


def _matched(raw: str, pattern: re.Pattern[str] | None, rule: str) -> str:
    if pattern is not None and pattern.fullmatch(raw) is None:
        raise ValueError(f"{rule}, not {raw!r}")
    return raw
