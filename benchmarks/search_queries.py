"""The mix of questions that the search benchmark asks; each round asks about something else. Days that lie
wholly in a range are answered from the store's own cache all the same."""

from collections.abc import Awaitable, Callable, Mapping

from benchmarks.search_records import APIS, APPS, CITIES, FIRST_MS, GOODS, LAST_MS, NAMES, STREETS
from openplatform.ports import CallLogStore
from openplatform.records import LogConditions, LogQuery, StatsBy, StatsQuery

DAY_MS = 86_400_000
Question = Callable[[CallLogStore, int], Awaitable[object]]
"""Asks the store in this round; gives what was found, never nothing."""


def _last_days(round_: int, days: float) -> tuple[int, int]:
    to_ms = LAST_MS - round_ * 61_000
    return to_ms - int(days * DAY_MS), to_ms


async def two_keywords(store: CallLogStore, round_: int) -> object:
    from_ms, to_ms = _last_days(round_, 3)
    words = (GOODS[round_ % 10], CITIES[round_ % 8] + STREETS[round_ // 3 % 8])
    return (await store.search(LogQuery(from_ms=from_ms, to_ms=to_ms, keywords=words))).hits


async def keyword_apps_api(store: CallLogStore, round_: int) -> object:
    from_ms, to_ms = _last_days(round_, 6)
    query = LogQuery(
        from_ms=from_ms, to_ms=to_ms, keywords=(NAMES[round_ % 8],), app_keys=tuple(APPS[round_ % 9 : round_ % 9 + 3]),
        api_name=APIS[round_ % 5],
    )  # fmt: skip
    return (await store.search(query)).hits


async def everything(store: CallLogStore, round_: int) -> object:
    return (await store.search(LogQuery(from_ms=FIRST_MS - round_, to_ms=LAST_MS))).hits


async def errors_of_a_network(store: CallLogStore, round_: int) -> object:
    from_ms, to_ms = _last_days(round_, 6)
    query = LogQuery(
        from_ms=from_ms, to_ms=to_ms, error="any", remote_ip=f"203.{round_ % 4}.0.0/16", min_ms=5 + round_ % 9
    )
    return (await store.search(query)).hits


async def slowest(store: CallLogStore, round_: int) -> object:
    from_ms, to_ms = _last_days(round_, 1)
    return (await store.search(LogQuery(from_ms=from_ms, to_ms=to_ms, sort="-ms"))).hits


async def next_page(store: CallLogStore, round_: int) -> object:
    from_ms, to_ms = _last_days(round_, 3)
    query = LogQuery(from_ms=from_ms, to_ms=to_ms, keywords=(GOODS[round_ % 10],), size=100)
    first = await store.search(query)
    return (
        await store.search(LogQuery(from_ms=from_ms, to_ms=to_ms, keywords=query.keywords, cursor=first.cursor))
    ).hits


async def histogram_of_all(store: CallLogStore, round_: int) -> object:
    asked = LogConditions(from_ms=FIRST_MS - round_, to_ms=LAST_MS)
    return (await store.histogram(asked, interval_ms=DAY_MS // 6)).buckets


async def histogram_of_keyword(store: CallLogStore, round_: int) -> object:
    asked = LogConditions(from_ms=FIRST_MS - round_, to_ms=LAST_MS, keywords=(CITIES[round_ % 8],))
    return (await store.histogram(asked, interval_ms=DAY_MS // 6)).buckets


def stats_of_all(by: StatsBy) -> Question:
    """Statistics over every record."""

    async def ask(store: CallLogStore, round_: int) -> object:
        query = StatsQuery(from_ms=FIRST_MS - round_, to_ms=LAST_MS, by=by, interval_ms=DAY_MS // 6)
        return (await store.stats(query)).stats

    return ask


async def stats_of_an_hour(store: CallLogStore, round_: int) -> object:
    from_ms, to_ms = _last_days(round_, 1 / 24)
    return (await store.stats(StatsQuery(from_ms=from_ms, to_ms=to_ms))).stats


QUESTIONS: Mapping[str, Question] = {
    "two keywords, 3 days, highlight, newest first": two_keywords,
    "keyword, 3 apps, API, 6 days, highlight": keyword_apps_api,
    "all of it, newest first": everything,
    "any error, a /16 network, at least n ms, 6 days": errors_of_a_network,
    "slowest of a day": slowest,
    "100 hits of a keyword and the page after": next_page,
    "histogram of all": histogram_of_all,
    "histogram of a keyword": histogram_of_keyword,
    "statistics by API, all": stats_of_all("api"),
    "statistics by app, all": stats_of_all("app"),
    "statistics by error, all": stats_of_all("error"),
    "statistics over time, all": stats_of_all("time"),
    "statistics by API, one hour": stats_of_an_hour,
}
