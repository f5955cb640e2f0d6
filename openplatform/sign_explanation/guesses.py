"""Mistakes that people make when they sign, each as what would have been hashed: the one that gives the signature is the one made."""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from urllib.parse import quote, quote_plus, unquote_plus

from openplatform.sign_explanation.findings import Finding
from openplatform.signing import SigningKey, canonical_text

MAX_HASHED_BYTES = 64 * 1024 * 1024
"""About 0.2 s of work; likelier mistakes are tried first."""
_OPTIONAL = ("sign_method", "format", "session", "v", "simplify", "partner_id", "target_app_key")
_MOST_SINGLES = 64

Hash = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Guess:
    """What may have been hashed, and what is wrong with it: none = nothing."""

    value: bytes
    findings: tuple[Finding, ...] = ()


def texts(params: Mapping[str, str], body: bytes, raw_body: bytes) -> Iterator[Guess]:
    """The text that is right, then others, likelier ones first. params: as they were received, without sign; raw_body: the body of
    a form, which is not signed."""
    yield Guess(canonical_text(params, body))
    if "" in params.values():
        yield Guess(canonical_text(params, body, keep_empty=True))
    yield from _joins(params, body)
    for count in (1, 2, 3):
        for names in combinations([n for n in _OPTIONAL if n in params], count):
            yield _without(params, body, names)
    for name in [n for n in params if n not in _OPTIONAL][:_MOST_SINGLES]:
        yield _without(params, body, (name,))
    yield from _values(params, body)
    if body:
        yield Guess(canonical_text(params), (Finding("body", "the raw body was left out", "请求体没有参与签名"),))
    if raw_body:
        fault = Finding(
            "body",
            "the body was signed as a whole: a form's parameters are signed, not its text",
            "表单请求体不应整体参与签名",
        )
        yield Guess(canonical_text(params) + raw_body, (fault,))


def _joins(params: Mapping[str, str], body: bytes) -> Iterator[Guess]:
    full = {name: value for name, value in params.items() if name and value}
    as_sent = "".join(n + v for n, v in full.items())
    yield _guess(as_sent, body, "order", "the parameters were not sorted", "参数没有按名称排序")
    folded = "".join(n + full[n] for n in sorted(full, key=str.lower))
    yield _guess(
        folded,
        body,
        "order",
        "the names were sorted without regard to case: the order is that of their bytes",
        "排序忽略了大小写，应按字节序",
    )
    backwards = "".join(n + full[n] for n in sorted(full, reverse=True))
    yield _guess(backwards, body, "order", "the names were sorted backwards", "参数按降序排序")
    by_value = "".join(n + v for n, v in sorted(full.items(), key=lambda pair: pair[1]))
    yield _guess(by_value, body, "order", "the parameters were sorted by their values", "参数按值排序")
    for separator, equals in (("&", "="), ("", "=")):
        joined = separator.join(f"{n}{equals}{full[n]}" for n in sorted(full))
        yield _guess(
            joined,
            body,
            "join",
            "names and values were joined with = or &: nothing stands between them",
            "拼接时多了 = 或 &",
        )
    encoded = "&".join(f"{n}={quote_plus(full[n])}" for n in sorted(full))
    yield _guess(
        encoded,
        body,
        "join",
        "the query string was signed: names and values are joined bare, unescaped",
        "签名了 URL 查询串，应直接拼接未编码的名称和值",
    )
    yield _guess(
        "".join(full[n] for n in sorted(full)),
        body,
        "join",
        "only values were signed, without names",
        "只拼接了值，没有拼接名称",
    )


def _values(params: Mapping[str, str], body: bytes) -> Iterator[Guess]:
    escaped = Finding("encoding", "values were URL-encoded before signing", "签名前对值做了 URL 编码")
    changes: list[tuple[Callable[[str], str], Finding]] = [
        (lambda v: quote_plus(v), escaped),
        (lambda v: quote(v, safe=""), escaped),
        (lambda v: quote(v, safe="").lower() if "%" in quote(v, safe="") else v, escaped),
        (lambda v: unquote_plus(v), Finding("encoding", "values were encoded twice when they were sent", "发送时值被编码了两次")),
        (lambda v: v.replace("+", " "), Finding("encoding", "a blank was sent as %2B, or a + was signed as a blank", "空格与 + 混淆")),
        (lambda v: v.replace(" ", "+"), Finding("encoding", "a + was sent bare, which is a blank: send %2B", "+ 未编码，会变成空格")),
        (lambda v: v.strip(), Finding("blanks", "blanks around values were sent and not signed", "首尾空格已发送但没有签名")),
        (lambda v: v.replace("\r\n", "\n"), Finding("blanks", "line breaks were changed after signing", "换行符在签名后被改变")),
    ]  # fmt: skip
    for change, fault in changes:
        changed = {name: change(value) for name, value in params.items()}
        if changed != dict(params):
            yield Guess(canonical_text(changed, body), (fault,))
    text = canonical_text(params).decode()
    for charset in ("gbk", "utf-16-le", "latin-1"):
        try:
            other = text.encode(charset)
        except UnicodeEncodeError:
            continue
        if other != text.encode():
            fault = Finding(
                "encoding",
                f"the text was signed as {charset.upper()}: it must be UTF-8",
                f"签名使用了 {charset.upper()} 编码，应为 UTF-8",
            )
            yield Guess(other + body, (fault,))


def _without(params: Mapping[str, str], body: bytes, names: Sequence[str]) -> Guess:
    left = {name: value for name, value in params.items() if name not in names}
    shown = ", ".join(names)
    return Guess(
        canonical_text(left, body),
        (Finding("left-out", f"{shown} was sent and not signed", f"{shown} 已发送但没有参与签名"),),
    )


def _guess(text: str, body: bytes, rule: str, detail: str, detail_zh: str) -> Guess:
    return Guess(text.encode() + body, (Finding(rule, detail, detail_zh),))


def secrets(living: Sequence[str], ended: Sequence[str], app_key: str) -> Iterator[Guess]:
    """What may have been taken for the secret."""
    for secret in living:
        yield Guess(secret.encode())
    old = Finding("secret", "an old secret was used, which was replaced and has ended", "使用了已失效的旧密钥")
    for secret in ended:
        yield Guess(secret.encode(), (old,))
    blanks = Finding("secret", "the secret was used with a blank or line break at its end", "密钥末尾多了空格或换行")
    case = Finding("secret", "the secret was used in another case: it is exact", "密钥大小写不一致")
    for secret in living:
        for end in ("\n", "\r\n", " "):
            yield Guess((secret + end).encode(), (blanks,))
        for other in {secret.upper(), secret.lower()} - {secret}:
            yield Guess(other.encode(), (case,))
    yield Guess(app_key.encode(), (Finding("secret", "the app_key was used as the secret", "把 app_key 当作密钥使用"),))
    yield Guess(b"", (Finding("secret", "no secret was used", "没有使用密钥"),))


def hashes(declared: str) -> Iterator[tuple[Hash, tuple[Finding, ...]]]:
    """Ways of hashing, the declared one first."""
    yield (lambda s, t: SigningKey(s.decode()).digest(t, declared)), ()
    for other in ("md5", "hmac", "hmac-sha256"):
        if other != declared:
            fault = Finding(
                "sign-method",
                f"it was signed by {other}, while sign_method says {declared}",
                f"实际使用 {other} 签名，而 sign_method 为 {declared}",
            )
            yield (lambda s, t, m=other: SigningKey(s.decode()).digest(t, m)), (fault,)  # type: ignore[misc]
    one_side = Finding(
        "sign-method",
        "md5 takes the secret before and after the text, not on one side only",
        "md5 签名需在首尾都拼接密钥",
    )
    yield (lambda s, t: _md5(t + s)), (one_side,)
    yield (lambda s, t: _md5(s + t)), (one_side,)
    yield (lambda s, t: _md5(t + b"&key=" + s)), (one_side,)
    sha1 = Finding(
        "sign-method",
        "it was signed by SHA-1: use md5, hmac or hmac-sha256",
        "使用了 SHA-1，应为 md5、hmac 或 hmac-sha256",
    )
    yield (lambda s, t: hmac.new(s, t, "sha1").digest()), (sha1,)
    yield (lambda s, t: hashlib.sha1(s + t + s, usedforsecurity=False).digest()), (sha1,)
    plain = Finding(
        "sign-method", "it was signed by plain SHA-256: hmac-sha256 is an HMAC", "使用了普通 SHA-256，应为 HMAC-SHA256"
    )
    yield (lambda s, t: hashlib.sha256(s + t + s).digest()), (plain,)


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).digest()
