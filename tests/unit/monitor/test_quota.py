"""Apps that use up their day: told once for each app, day and level."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from monitor.repository.events import AlertEvent
from monitor.service.letters import Letterhead
from monitor.service.notices import quota_mails
from monitor.service.quota import QuotaJudgement, judge_quota
from openplatform.records import AppUse
from tests.unit.monitor.samples import NOON, rule

SHANGHAI = ZoneInfo("Asia/Shanghai")
HEAD = Letterhead(domain="pailou.example", zone=SHANGHAI, console_url="")


def use(used: int, *, app_key: str = "10000001", limit: int = 1000, day: str = "20261122") -> AppUse:
    return AppUse(app_key=app_key, app_name=f"App {app_key}", day=day, day_used=used, daily_limit=limit)


def judged(
    *uses: AppUse,
    events: list[AlertEvent] | None = None,
    hours: int = 0,
    silenced: str = "",
    threshold: float = 70,
    held: bool = False,
) -> QuotaJudgement:
    return judge_quota(
        rule(metric="quota", threshold=threshold),
        uses,
        events or [],
        NOON + timedelta(hours=hours),
        zone=SHANGHAI,
        thread_id="t@x",
        group="quota",
        is_silenced=lambda app_key: app_key == silenced,
        is_held=held,
    )


def test_each_level_is_told_once() -> None:
    """69.9 % is nothing; 70, 90 and 100 % are told when they are reached, whatever lies between, and never twice."""
    events: list[AlertEvent] = []
    told = []
    for used in (699, 700, 701, 899, 900, 950, 999, 1000, 1000, 1001):
        judgement = judged(use(used), events=events)
        told += [(used, news.event.threshold) for news in judgement.told]
        events = [replace(event, id=1) for event in judgement.saved] or events
    assert told == [(700, 70), (900, 90), (1000, 100)]
    assert len(events) == 1
    assert events[0].peak == 100.1


def test_a_jump_over_levels_is_one_mail() -> None:
    """From nothing to 100 %: only the highest level counts."""
    [news] = judged(use(1000)).told
    assert news.event.threshold == 100


def test_a_new_day_begins_anew() -> None:
    """Yesterday's alert ends without a word; today's first 70 % are told again. Counters of yesterday say nothing today."""
    [yesterday] = judged(use(1000)).saved
    yesterday = replace(yesterday, id=1)
    assert judged(use(1000), events=[yesterday], hours=24).told == ()
    tomorrow = judged(use(700, day="20261123"), events=[yesterday], hours=24)
    assert [event.closed_at is not None for event in tomorrow.saved] == [True, False]
    assert tomorrow.told[0].event.threshold == 70


def test_an_app_that_may_not_call_uses_nothing_up_and_a_rule_may_leave_levels_out() -> None:
    """daily_limit 0; threshold 90."""
    assert judged(use(5, limit=0)).saved == ()
    assert judged(use(800), threshold=90).saved == ()
    assert judged(use(900), threshold=90).told[0].event.threshold == 90


def test_a_silenced_app_is_noted_and_not_told() -> None:
    """The level counts as reached: the end of the silence brings no old news."""
    judgement = judged(use(700), silenced="10000001")
    assert judgement.told == ()
    assert judgement.saved[0].notified_at is None


def test_what_was_held_back_outside_the_hours_is_told_when_they_begin() -> None:
    """The highest level that is not told yet, once; what was told before is not told again."""
    [held] = judged(use(700), held=True).saved
    assert (held.notified_at, held.threshold) == (None, None)
    [news] = judged(use(700), events=[replace(held, id=1)]).told
    assert news.event.threshold == 70
    seventy = replace(news.event, id=1)
    [higher] = judged(use(1000), events=[seventy], held=True).saved
    assert (higher.threshold, higher.value) == (70, 100)
    assert judged(use(1000), events=[higher], held=True).saved == ()
    assert [news.event.threshold for news in judged(use(1000), events=[higher]).told] == [100]
    assert judged(use(700), events=[seventy]).told == ()


def test_one_mail_tells_of_all_apps() -> None:
    """The fullest first; an app's name forges no header and no HTML."""
    judgement = judged(use(720, app_key="1"), use(1000, app_key="<script>\r\nBcc: x@y.z"))
    mails = quota_mails(rule(metric="quota"), judgement.told, at=NOON, now=NOON, thread_id="t@x", head=HEAD)
    assert [mail.recipient for mail in mails] == ["ops@pailou.example", "boss@pailou.example"]
    assert mails[0].subject == "[配额][严重] 2 个应用的当日用量达到上限的 70% (最高 App <script> Bcc: x@y.z 100%)"
    assert "App 1 | 1 | 720 | 1000 | 72%" in mails[0].body_text
    assert "<script>" not in mails[0].body_html
    assert quota_mails(rule(), (), at=NOON, now=NOON, thread_id="t@x", head=HEAD) == []
