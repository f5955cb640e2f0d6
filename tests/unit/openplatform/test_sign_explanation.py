"""What the sign debugger says: for each mistake that people make, the rule that it breaks."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus, urlencode

import pytest

from openplatform.sign_explanation import explain, read_pasted
from openplatform.signed_call import sign_call
from openplatform.signing import SigningKey, canonical_text, sign_fault

SECRET, OLD = "0123456789abcdef0123456789abcdef", "fedcba98fedcba98fedcba98fedcba98"
NOW = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)
PARAMS = {"order_id": "88", "keyword": "红 T+恤", "note": "", "Zone": "cn"}


def call(**fields: str) -> dict[str, str]:
    """A good call's parameters, sign included."""
    made = sign_call(
        url="http://gw/router/rest", app_key="1023", secret=SECRET, method="open.order.get", params=PARAMS | fields,
        sign_method=fields.get("sign_method", "md5"), now=NOW,
    )  # fmt: skip
    return made.params


def unsigned(**fields: str) -> dict[str, str]:
    return {name: value for name, value in call(**fields).items() if name != "sign"}


def md5(text: bytes, secret: str = SECRET) -> str:
    return hashlib.md5(secret.encode() + text + secret.encode()).hexdigest().upper()


def rules(params: dict[str, str], *, text: str = "") -> list[str]:
    """The rules that are broken, in the order told."""
    told = explain(read_pasted(text or urlencode(params)), living=[SECRET], ended=[OLD], now=NOW.timestamp())
    return [finding.rule for finding in told.findings if finding.is_fault]


def joined(params: dict[str, str], names: list[str]) -> bytes:
    return "".join(name + params[name] for name in names if params[name]).encode()


P = unsigned()
FULL = [name for name in P if P[name]]
MISTAKES = [
    ("order", P | {"sign": md5(joined(P, FULL))}),
    ("order", P | {"sign": md5(joined(P, sorted(FULL, key=str.lower)))}),
    ("join", P | {"sign": md5("&".join(f"{n}={P[n]}" for n in sorted(FULL)).encode())}),
    ("join", P | {"sign": md5("&".join(f"{n}={quote_plus(P[n])}" for n in sorted(FULL)).encode())}),
    ("encoding", P | {"sign": md5(canonical_text({n: quote_plus(v) for n, v in P.items()}))}),
    ("encoding", P | {"sign": md5(canonical_text(P).decode().encode("gbk"))}),
    ("encoding", P | {"sign": md5(canonical_text(P | {"keyword": "红 T 恤"}))}),
    ("left-out", P | {"sign": md5(canonical_text({n: v for n, v in P.items() if n != "order_id"}))}),
    ("left-out", P | {"sign": md5(canonical_text({n: v for n, v in P.items() if n not in ("format", "v")}))}),
    ("secret", P | {"sign": md5(canonical_text(P), OLD)}),
    ("secret", P | {"sign": md5(canonical_text(P), SECRET + "\n")}),
    ("secret", P | {"sign": md5(canonical_text(P), "1023")}),
    ("secret", P | {"sign": md5(canonical_text(P), SECRET.upper())}),
    ("sign-method", P | {"sign": SigningKey(SECRET).sign(canonical_text(P), "hmac-sha256")}),
    ("sign-method", P | {"sign": hashlib.md5(canonical_text(P) + SECRET.encode()).hexdigest()}),
    ("sign-method", P | {"sign": hmac.new(SECRET.encode(), canonical_text(P), "sha1").hexdigest()}),
    ("sign-form", P | {"sign": base64.b64encode(SigningKey(SECRET).digest(canonical_text(P), "md5")).decode()}),
    ("sign-form", P | {"sign": "not a signature"}),
    ("unknown", P | {"sign": "0" * 32}),
    ("unknown", P | {"sign": md5(canonical_text(P | {"order_id": "89"}))}),
    ("missing", {n: v for n, v in call().items() if n != "timestamp"}),
    ("names", {("appKey" if n == "app_key" else n): v for n, v in call().items()}),
    ("time-zone", call(timestamp="2026-11-29 04:00:00")),
    ("timestamp", call(timestamp="2026-11-29T12:00:00+08:00")),
    ("timestamp", call(timestamp="1795924800")),
    ("timestamp", call(timestamp="2026-11-29 11:40:00")),
    ("version", call(v="1.0")),
    ("format", call(format="html")),
    ("sign-method", call() | {"sign_method": "sha1"}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "params"), MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_each_mistake_is_named(rule: str, params: dict[str, str]) -> None:
    """The first rule that is told is the one that is broken."""
    assert rules(params)[0] == rule


@pytest.mark.parametrize("method", ["md5", "hmac", "hmac-sha256"])
def test_a_good_call_is_good_in_every_form(method: str) -> None:
    """Pasted as URL, curl in several spellings, a whole request, form lines, JSON: nothing is wrong."""
    params = call(sign_method=method)
    form = urlencode(params)
    url = "https://gw.example/router/rest"
    for text in (
        f"{url}?{form}", f"/router/rest?{form}", form, form.replace("&", "\n"), f"curl '{url}?{form}'", f"curl -X POST {url} -d '{form}'",
        f"$ curl -sS {url} \\\n  --data-raw '{form}'", f"curl -G {url} -d '{form}'", f"curl {url} -d'{form}' -H 'Accept: */*'",
        f"curl --url {url} " + " ".join(f"--data-urlencode '{n}={v}'" for n, v in params.items()),
        f"curl -F 'a=@file' {url} " + " ".join(f"-F '{n}={v}'" for n, v in params.items()),
        f"POST /router/rest HTTP/1.1\r\nHost: gw\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
        f"{url}?{urlencode({n: v for n, v in params.items() if n != 'keyword'})}\nkeyword={quote(params['keyword'])}",
    ):  # fmt: skip
        assert rules({}, text=text) == [], text
    lower = params | {"sign": params["sign"].lower()}
    assert rules(lower) == []


def test_several_mistakes_at_once_are_all_told() -> None:
    """Here the order, the secret's line break and the zone."""
    params = unsigned(timestamp="2026-11-29 04:00:00")
    wrong = params | {"sign": md5(joined(params, [n for n in params if params[n]]), SECRET + "\n")}
    assert set(rules(wrong)) == {"time-zone", "order", "secret"}


def test_what_is_to_be_signed_is_shown_and_no_secret() -> None:
    """The text and the signature that it should have; without a secret the form is judged alone."""
    told = explain(read_pasted(urlencode(call())), living=[SECRET], now=NOW.timestamp())
    assert told.signed_text == canonical_text(unsigned()).decode()
    assert told.sign == call()["sign"]
    assert SECRET not in str(told)
    without = explain(read_pasted(urlencode(call() | {"sign": "ab"})), living=[], now=NOW.timestamp())
    assert [f.rule for f in without.findings] == ["sign-form"]
    assert (without.sign, without.signed_text) == ("", told.signed_text)


def test_what_cannot_be_read_says_why() -> None:
    """GBK, a parameter twice, a wrong HTTP method, and pastes that are nothing at all."""
    gbk = "&".join(f"{n}={quote(v, encoding='gbk')}" for n, v in call().items())
    assert rules({}, text=gbk) == ["encoding"]
    assert rules({}, text=urlencode(call()) + "&v=1&v=2") == ["parameters"]
    assert rules({}, text=f"curl -X PUT http://gw/ -d '{urlencode(call())}'")[0] == "http-method"
    for text in ("", "  ", "hello", "curl", "curl -d", "curl 'http://x", "curl -d @file http://x", "curl -d a=b", "x" * 300_000,
                 "POST / HTTP/1.1\nContent-Type: multipart/form-data; boundary=x\n\nx"):  # fmt: skip
        with pytest.raises(ValueError):
            read_pasted(text)


def test_a_long_request_is_explained_in_bounded_work() -> None:
    """A quarter of a megabyte and two hundred parameters end as all do."""
    params = unsigned() | {f"p{n}": "x" * 1000 for n in range(200)} | {"sign": "0" * 32}
    assert rules(params) == ["unknown"]


@pytest.mark.parametrize(("sign", "method", "said"), [
    ("a" * 32, "md5", ""), ("A" * 32, "hmac", ""), ("a1" * 32, "hmac-sha256", ""), ("a" * 64, "md5", "length of hmac-sha256"),
    ("a" * 32, "hmac-sha256", "length of md5 and hmac"), ("a" * 31, "md5", "it has 31"), ("q" * 32, "md5", "other characters"),
    ("\u0661" * 32, "md5", "other characters"), ("ab=" * 8, "hmac", "other characters"),
])  # fmt: skip
def test_the_form_of_a_signature_is_judged_without_a_secret(sign: str, method: str, said: str) -> None:
    """What callers are told of error 25: length and characters, which they see themselves."""
    assert said in sign_fault(sign, method)
    assert bool(sign_fault(sign, method)) == bool(said)
