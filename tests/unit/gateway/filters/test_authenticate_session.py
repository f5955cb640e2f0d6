"""Stage 5: whose session it is, and who is asked for it."""

import pytest

from gateway.filters.authenticate_session import AuthenticateSession
from gateway.sessions import Sessions, scope_covers, token_hash
from openplatform.errors import PLATFORM_UNAVAILABLE, OpenPlatformError
from openplatform.records import AccessToken, TokenHash
from tests.unit.gateway.filters.calls import NOW, StoppedClock, a_call, app_entry, route_entry

NOW_MS = int(NOW * 1000)


class FakeStore:
    """A SessionStore of one session, which can be down."""

    def __init__(self, *, app_id: int = 7, expire_at_ms: int = NOW_MS + 1, scope: str = "") -> None:
        self.token = AccessToken(app_id=app_id, vender_id=100, start_at_ms=0, expire_at_ms=expire_at_ms, scope=scope)
        self.is_down = False
        self.asked = 0

    async def find(self, hashed: TokenHash) -> AccessToken | None:
        self.asked += 1
        if self.is_down:
            raise PLATFORM_UNAVAILABLE()
        return self.token if hashed == token_hash("known") else None


def stage(store: FakeStore) -> AuthenticateSession:
    """The filter over that store."""
    return AuthenticateSession(Sessions(store, StoppedClock(), max_entries=10, keep_s=60), StoppedClock())


async def passed(
    filter_: AuthenticateSession, session: str | None = "known", *, needs_session: bool = True
) -> int | None:
    """The merchant after the stage; raises what the stage raises."""
    params = {"app_key": "1023"} if session is None else {"app_key": "1023", "session": session}
    call = a_call(params, app=app_entry(id=7), route=route_entry(needs_session=needs_session))
    waiting = filter_(call)
    if waiting is not None:
        await waiting
    return call.vender_id


async def test_the_merchant_comes_from_the_session() -> None:
    """Looked up once, then out of memory without waiting."""
    store = FakeStore()
    filter_ = stage(store)
    assert [await passed(filter_), await passed(filter_)] == [100, 100]
    assert store.asked == 1


async def test_an_api_without_sessions_looks_at_none() -> None:
    """What is sent all the same neither helps nor harms."""
    store = FakeStore()
    assert [await passed(stage(store), s, needs_session=False) for s in (None, "", "unknown")] == [None, None, None]
    assert store.asked == 0


@pytest.mark.parametrize(
    ("store", "session", "code", "sub_code"),
    [
        (FakeStore(), None, 26, ""),
        (FakeStore(), "", 26, ""),
        (FakeStore(), "unknown", 27, "session-not-exist"),
        (FakeStore(expire_at_ms=NOW_MS), "known", 27, "session-expired"),
        (FakeStore(app_id=8), "known", 27, "sessionkey-not-generated-by-server"),
        (FakeStore(scope="open.b.get,open.*.x,b"), "known", 11, "isv.permission-api-package-limit"),
    ],
)
async def test_each_wrong_session_says_what_is_wrong(
    store: FakeStore, session: str | None, code: int, sub_code: str
) -> None:
    """Missing, unknown, expired (its last millisecond included), another app's."""
    with pytest.raises(OpenPlatformError) as caught:
        await passed(stage(store), session)
    assert (caught.value.code, caught.value.sub_code) == (code, sub_code)


async def test_a_store_that_is_down_is_no_fault_of_the_caller() -> None:
    """Known sessions go on; an unknown one is 10, never 27."""
    store = FakeStore()
    filter_ = stage(store)
    await passed(filter_)
    store.is_down = True
    assert await passed(filter_) == 100
    with pytest.raises(OpenPlatformError) as caught:
        await passed(filter_, "another")
    assert caught.value.code == 10


@pytest.mark.parametrize("scope", ["", "open.a.get", "open.b.get,open.a.*", "open.*", "x,orders"])
async def test_a_scope_that_holds_the_api_lets_it_through(scope: str) -> None:
    """By name, by the beginning of names, by the name of its group; an empty scope holds everything."""
    call = a_call({"app_key": "1023", "session": "known"}, app=app_entry(id=7), route=route_entry(group="orders"))
    waiting = stage(FakeStore(scope=scope))(call)
    if waiting is not None:
        await waiting
    assert call.vender_id == 100


def test_a_word_holds_whole_names_only() -> None:
    """`open.a.*` is no beginning of `open.ab.get`, and a name none of a longer one; an API without a group is in none."""
    assert not scope_covers("open.a.*", "open.ab.get", "")
    assert not scope_covers("open.a", "open.a.get", "")
    assert not scope_covers("open.b.get", "open.a.get", "")
