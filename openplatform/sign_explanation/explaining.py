"""Goes through the rules in the gateway's order, then looks for the mistake that gives the signature."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from openplatform.errors import OpenPlatformError
from openplatform.protocol import parse_request, parse_timestamp
from openplatform.sign_explanation.findings import GOOD, UNKNOWN, Finding, hours_off, missing
from openplatform.sign_explanation.guesses import MAX_HASHED_BYTES, hashes, secrets, texts
from openplatform.sign_explanation.pasted import PastedRequest
from openplatform.signing import SIGN_METHODS, SigningKey, canonical_text, sign_fault

_REQUIRED = ("method", "app_key", "timestamp", "v", "sign")
_ALIASES = {
    "method": {"api", "apiname", "action"}, "app_key": {"appid", "clientid", "key"}, "timestamp": {"time", "ts"},
    "v": {"version"}, "sign": {"signature", "sig"},
}  # fmt: skip


@dataclass(slots=True)
class Explanation:
    """findings: faults and remarks in the order of the rules; params: as the gateway reads them; signed_text: what is to be signed
    (for md5 the secret stands before and after it); sign: what it gives with the living secret, "" = without a secret."""

    findings: list[Finding] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    signed_text: str = ""
    sign: str = ""

    @property
    def is_good(self) -> bool:
        return not any(finding.is_fault for finding in self.findings)


def explain(
    request: PastedRequest, *, living: Sequence[str], ended: Sequence[str] = (), now: float, window_s: int = 600
) -> Explanation:
    """What is wrong with the request. living: the app's secrets in force, the newest first; none = the signature is not compared;
    ended: secrets of before; now: epoch seconds."""
    told = Explanation()
    say = told.findings.append
    if request.http_method not in ("GET", "POST"):
        say(
            Finding(
                "http-method",
                f"{request.http_method} is not allowed: use GET or POST",
                f"不允许 {request.http_method}，请使用 GET 或 POST",
            )
        )
    try:
        parsed = parse_request(request.query, request.body, request.content_type)
    except (OpenPlatformError, UnicodeError) as error:
        say(_unreadable(request, error))
        return told
    params = told.params = parsed.params
    _check_parameters(told, params, now=now, window_s=window_s)
    sign, method = params.get("sign", ""), params.get("sign_method") or "md5"
    unsigned = {name: value for name, value in params.items() if name != "sign"}
    try:
        told.signed_text = canonical_text(unsigned, parsed.signed_body).decode("utf-8", "replace")
    except UnicodeEncodeError:
        say(Finding("encoding", "a value is no Unicode: names and values must be UTF-8", "参数值不是合法的 UTF-8"))
        return told
    if method not in SIGN_METHODS:
        return told
    if living:
        told.sign = SigningKey(living[0]).sign(canonical_text(unsigned, parsed.signed_body), method)
    if sign and living:
        raw_body = b"" if parsed.signed_body else request.body
        found = _mistake(sign, method, unsigned, parsed.signed_body, raw_body, living, ended)
        told.findings += found
    elif sign and (fault := sign_fault(sign, method)):
        say(Finding("sign-form", fault, "签名的格式与 sign_method 不符"))
    return told


def _check_parameters(told: Explanation, params: dict[str, str], *, now: float, window_s: int) -> None:
    say = told.findings.append
    for name in _REQUIRED:
        if not params.get(name):
            say(missing(name, _near(name, params)))
    for name in params:
        if re.search(r"\[\w*\]$", name):
            say(
                Finding(
                    "names",
                    f"{name}: lists are sent as one value, not as name[]",
                    f"{name}：列表应作为一个值发送",
                    is_fault=False,
                )
            )
    if params.get("v") not in (None, "", "2.0"):
        say(Finding("version", "v must be 2.0", "v 必须为 2.0"))
    if params.get("format") not in (None, "", "json", "xml"):
        say(Finding("format", "format must be json or xml", "format 必须为 json 或 xml"))
    if params.get("sign_method", "md5") not in ("", *SIGN_METHODS):
        say(
            Finding(
                "sign-method",
                f"sign_method must be {', '.join(SIGN_METHODS)}",
                f"sign_method 必须为 {'、'.join(SIGN_METHODS)}",
            )
        )
    if params.get("timestamp"):
        told.findings += _timestamp(params["timestamp"], now, window_s)


def _timestamp(text: str, now: float, window_s: int) -> list[Finding]:
    try:
        off = parse_timestamp(text) - now
    except ValueError:
        why, why_zh = "", ""
        if re.fullmatch(r"\d{10}", text):
            why, why_zh = ": these are seconds", "（这是秒，应为毫秒）"
        elif "T" in text:
            why, why_zh = (
                ": a blank stands between date and time, no T, and no zone after them",
                "（日期与时间之间应为空格，不带时区）",
            )
        elif "+" in text:
            why, why_zh = ": its blank was sent as %2B; send + or %20", "（空格被编码成了 %2B）"
        detail = f"the timestamp must read yyyy-MM-dd HH:mm:ss at GMT+8, or be epoch milliseconds{why}"
        return [Finding("timestamp", detail, f"timestamp 必须为 GMT+8 的 yyyy-MM-dd HH:mm:ss 或毫秒时间戳{why_zh}")]
    if abs(off) <= window_s:
        return []
    hours = round(off / 3600)
    if hours and abs(hours) <= 26 and abs(off - hours * 3600) <= window_s:
        return [hours_off(hours)]
    side, side_zh = ("ahead of", "快") if off > 0 else ("behind", "慢")
    return [
        Finding("timestamp", f"the timestamp is {abs(off):.0f} s {side} our clock, {window_s} are allowed: sign anew for each call",
                f"timestamp 比平台时间{side_zh} {abs(off):.0f} 秒，允许 {window_s} 秒")
    ]  # fmt: skip


def _mistake(
    sign: str,
    method: str,
    params: dict[str, str],
    body: bytes,
    raw_body: bytes,
    living: Sequence[str],
    ended: Sequence[str],
) -> list[Finding]:
    """The fewest mistakes that together give the signature."""
    claimed, form = _claimed(sign)
    if claimed is None:
        return [Finding("sign-form", sign_fault(sign, method) or "sign is no signature", "sign 不是十六进制签名")]
    guessed = list(secrets(living, ended, params.get("app_key", "")))
    spent, best = 0, None
    for text in texts(params, body, raw_body):
        for digest, by in hashes(method):
            for secret in guessed:
                faults = [*form, *by, *secret.findings, *text.findings]
                if best is not None and len(faults) >= len(best):
                    continue
                spent += len(text.value) + 200
                if digest(secret.value, text.value) == claimed:
                    best = faults
        if best == form or spent > MAX_HASHED_BYTES:
            break
    if best is None:
        return [*form, UNKNOWN]
    return best or [GOOD]


def _claimed(sign: str) -> tuple[bytes | None, list[Finding]]:
    if re.fullmatch(r"([0-9A-Fa-f]{2})+", sign):
        return bytes.fromhex(sign), []
    try:
        raw = base64.b64decode(sign.replace(" ", "+").replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None, []
    if len(raw) not in (16, 20, 32):
        return None, []
    return raw, [Finding("sign-form", "sign is base64: it must be hex digits", "sign 是 Base64，应为十六进制")]


def _near(name: str, params: dict[str, str]) -> str:
    """A parameter that was probably meant: another case, other underscores, or another platform's name."""
    plain = name.replace("_", "")
    for sent in params:
        other = re.sub(r"[_\s-]", "", sent).lower()
        if sent != name and (other == plain or other in _ALIASES[name]):
            return sent
    return ""


def _unreadable(request: PastedRequest, error: Exception) -> Finding:
    if isinstance(error, OpenPlatformError) and error.code != 47:
        twice = f"{error.msg}: {error.sub_msg}"
        return Finding("parameters", twice, "参数无法读取：重复、过多或格式错误")
    raw = unquote_to_bytes(request.query + b"&" + request.body)
    try:
        raw.decode("gbk")
    except UnicodeDecodeError:
        return Finding("encoding", "names and values are no UTF-8", "参数不是 UTF-8 编码")
    return Finding(
        "encoding", "names and values were sent in GBK: they must be UTF-8", "参数使用了 GBK 编码，应为 UTF-8"
    )
