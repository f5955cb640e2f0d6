"""System parameters that are missing, empty, doubled, in the wrong place, out of range or of somebody else."""

from datetime import datetime, timedelta

import pytest

from openplatform.protocol import encode_query
from openplatform.protocol.timestamps import GMT8
from openplatform.signing import SigningKey, canonical_text
from tests.faults.bad_input.wire import Made, Refused, check, get, post
from tests.gateway_world import SECRET, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_SUCH_API = (22, "isv.api-not-exists")
NO_SUCH_APP = (29, "isv.appkey-not-exists")
WRONG_SIGN = (25, "isv.invalid-signature")
WRONG_TIME = (31, "")


def with_method(name: str) -> Made:
    return lambda world: post(world.signed(name))


def changed(**changes: str | None) -> Made:
    """A call that is signed with the changes in it."""
    return lambda world: post(world.signed(**changes))


def unsigned(**changes: str | None) -> Made:
    """A call whose parameters are changed after it was signed; None takes one away."""

    def make(world: World) -> bytes:
        params = {**world.signed(a="1"), **changes}
        return post({name: value for name, value in params.items() if value is not None})

    return make


def stamp(seconds: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return (datetime.now(GMT8) + timedelta(seconds=seconds)).strftime(form)


def doubled(name: str, value: str | None = None) -> Made:
    """The parameter a second time in the same body, with its own value or another."""

    def make(world: World) -> bytes:
        params = world.signed()
        return post(encode_query(params).encode() + b"&" + encode_query({name: value or params[name]}).encode())

    return make


def in_both(name: str, value: str | None = None) -> Made:
    """The parameter in the query as well, with its own value or another."""

    def make(world: World) -> bytes:
        params = world.signed()
        return post(params, query=encode_query({name: value or params[name]}).encode())

    return make


def twice(name: str) -> Refused:
    return 41, f"isv.invalid-parameter:{name}"


def length_extended(world: World) -> bytes:
    """What an attacker can append to a text whose MD5 it knows: padding and more, signed without the secret's second half."""
    params = world.signed(sign_method="md5", a="1")
    forged = SigningKey("").sign(canonical_text(params) + b"\x80" + b"\0" * 20 + b"zz", "md5")
    return post({**params, "zz": "1", "sign": forged})


def over_the_body_as_sent(world: World) -> bytes:
    """The signature of somebody who forgot to sort."""
    params = {**world.signed(b="2", a="1"), "sign": ""}
    text = "".join(name + value for name, value in params.items()).encode()
    return post({**params, "sign": SigningKey(SECRET).sign(text, "hmac-sha256")})


SYSTEM = ("method", "app_key", "session", "timestamp", "v", "sign")
MISSING = {"method": 21, "app_key": 28, "session": 26, "timestamp": 30, "v": 32, "sign": 24}

ROWS: dict[str, tuple[Made, Refused | dict[str, str]]] = {
    **{f"{name} missing": (unsigned(**{name: None}), (MISSING[name], "")) for name in SYSTEM if name != "session"},
    **{f"{name} empty": (unsigned(**{name: ""}), (MISSING[name], "")) for name in SYSTEM if name != "session"},
    "session missing": (changed(session=None), (26, "")),
    "session empty": (changed(session=""), (26, "")),
    **{f"{name} doubled": (doubled(name), twice(name)) for name in SYSTEM},
    **{f"{name} doubled, another value": (doubled(name, "other"), twice(name)) for name in SYSTEM},
    **{f"{name} in both places": (in_both(name), {}) for name in SYSTEM},
    **{f"{name} in both places, another value": (in_both(name, "other"), twice(name)) for name in SYSTEM},
    "array form of a system parameter": (unsigned(method=None, **{"method[]": "open.echo.get"}), (21, "")),
    "array form of a parameter": (changed(**{"a[]": "1", "a[0]": "2"}), {"a[]": "1", "a[0]": "2"}),
    "257 parameters": (
        lambda w: post(w.signed(**{f"p{n}": "" for n in range(249)})),
        (41, "isv.invalid-parameter:sign"),
    ),
    "256 parameters": (
        lambda w: post(w.signed("open.echo.post", **{f"p{n}": "1" for n in range(248)})),
        {f"p{n}": "1" for n in range(248)},
    ),
    "name of 64 KiB": (
        lambda w: post(w.signed("open.echo.post", **{"n" * 65_536: "1"})),
        {"n" * 65_536: "1"},
    ),
    "separators in a name": (changed(**{"=&\0\r\n%": "1"}), {"=&\0\r\n%": "1"}),
    "name that is empty": (lambda w: post(encode_query(w.signed()).encode() + b"&=1"), {"": "1"}),
    "order of the parameters": (lambda w: get(dict(reversed(w.signed(b="2", a="1").items()))), {"b": "2", "a": "1"}),
    # method
    **{
        f"method {method[:20]!r}": (with_method(method), NO_SUCH_API)
        for method in (
            "open.unknown.get", "open.disabled.get", "../../etc/passwd", "m" * 10_000, "open.*", "^open", "(a+)+$", "{item_id}",
            "{0.__class__}", "OPEN.ECHO.GET", "open.echo.get ", " open.echo.get", "open.echo.get.", "open.echo.get\0", "__init__",
            "open.echo.get\r\nx: y", "ｏpen.echo.get", "open。echo。get",
        )
    },
    # app_key
    **{
        f"app_key {key[:20]!r}": (changed(app_key=key), NO_SUCH_APP)
        for key in (
            "nobody", "disabled", "{}:*\n", "' OR 1=1 --", "return redis.call('flushall')", "x" * 51, "1023\0", "1023 ", "１０２３",
        )
    },
    # timestamp
    "late within the window": (lambda w: post(w.signed(timestamp=stamp(-590))), {}),
    "ahead within the window": (lambda w: post(w.signed(timestamp=stamp(590))), {}),
    "older than the window": (lambda w: post(w.signed(timestamp=stamp(-602))), WRONG_TIME),
    "ahead of the window": (lambda w: post(w.signed(timestamp=stamp(610))), WRONG_TIME),
    "epoch milliseconds": (lambda w: post(w.signed(timestamp=str(int(w.resources.clock.now() * 1000)))), {}),
    "epoch seconds": (lambda w: post(w.signed(timestamp=str(int(w.resources.clock.now())))), WRONG_TIME),
    "epoch milliseconds with a fraction": (
        lambda w: post(w.signed(timestamp=f"{w.resources.clock.now() * 1000:.3f}")),
        WRONG_TIME,
    ),
    "ISO form": (lambda w: post(w.signed(timestamp=stamp(0, "%Y-%m-%dT%H:%M:%S"))), WRONG_TIME),
    "with a zone": (lambda w: post(w.signed(timestamp=stamp(0, "%Y-%m-%d %H:%M:%S%z"))), WRONG_TIME),
    "UTC": (lambda w: post(w.signed(timestamp=stamp(-8 * 3600))), WRONG_TIME),
    **{
        f"timestamp {text[:24]!r}": (changed(timestamp=text), WRONG_TIME)
        for text in (
            "2023-02-29 12:00:00", "9999-12-31 23:59:59", "0000-01-01 00:00:00", "-1451620800000", "２０２６-01-01 00:00:00", "9" * 10_000,
            "NaN", "inf", "1e12", "0x5", "2026-01-01", "yesterday", "2026-13-01 00:00:00", "2026-01-01 24:00:00", "\0" * 19,
            "99999999999999",
        )
    },
    # v, sign_method, sign
    **{f"v {v!r}": (changed(v=v), (33, "")) for v in ("1.0", "2", "2.00", "2.0 ", "２.0")},
    "sign in lower case": (lambda w: post({**(p := w.signed()), "sign": p["sign"].lower()}), {}),
    **{
        f"sign {sign[:16]!r}": (unsigned(sign=sign), WRONG_SIGN)
        for sign in ("0", "0" * 64, "0" * 63, "F" * 10_000, "签名", "é", "\0", " ", "None", "undefined")
    },
    "sign of another secret": (lambda w: post(w.signed(secret="other")), WRONG_SIGN),
    "sign of an empty secret": (lambda w: post(w.signed(secret="")), WRONG_SIGN),
    "sign of an app without a live secret": (lambda w: post(w.signed(app_key="without-secret", secret="")), WRONG_SIGN),
    "sign over the order as sent": (over_the_body_as_sent, WRONG_SIGN),
    "one parameter more": (unsigned(added="x"), WRONG_SIGN),
    "one parameter less": (unsigned(a=None), WRONG_SIGN),
    "one value changed": (unsigned(a="2"), WRONG_SIGN),
    "length extension": (length_extended, WRONG_SIGN),
    "another sign_method than was used": (unsigned(sign_method="hmac"), WRONG_SIGN),
    "sign_method taken away": (unsigned(sign_method=None), WRONG_SIGN),
    "sign_method empty": (changed(sign_method=""), {}),
    **{
        f"sign_method {method!r}": (unsigned(sign_method=method), (25, "isv.invalid-sign-method"))
        for method in ("sha1", "none", "MD5", "hmac-sha512", "hmac-sha256 ", "m" * 10_000)
    },
    # session
    **{
        f"session {token[:16]!r}": (changed(session=token), (27, "session-not-exist"))
        for token in ("unknown", "revoked", "x" * 10_000, "{}:*\r\n", "\0", "6100e23a-session-of-tests ")
    },
    "session expired": (changed(session="expired"), (27, "session-expired")),
    "session of another app": (changed(session="foreign"), (27, "sessionkey-not-generated-by-server")),
    # format
    **{f"format {f!r}": (changed(format=f), (23, "")) for f in ("jsonp", "JSON", "json ", "html", "xml;json", "f" * 10_000)},
    "format jsonp with a callback": (changed(format="jsonp", callback="<script>alert(1)</script>"), (23, "")),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
async def test_row(row: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Each row ends with its one documented code, or reaches the service as it was sent."""
    make, expected = ROWS[row]
    await check(world, make(world), expected, caplog)
