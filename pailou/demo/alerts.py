"""Alert rules of the demo beside the monitor's own, and an alert of this morning, so that its pages show something."""

from datetime import datetime, timedelta

from monitor.repository.events import AlertEvent, add_samples, save_event
from monitor.repository.rules import AlertRule, Recipient, add_rule, page_of_rules
from openplatform.sql import AsyncConnection, Database
from pailou.var_folder import ADMIN_EMAIL

_COURSE = (640, 812, 1034, 1287, 1410, 1322, 1105, 902, 655, 410)
"""p95 of the morning's alert, ms, minute by minute."""
_LIMIT = 800.0


async def seed_alerts(database: Database, now: datetime) -> None:
    """Makes the rules and the alert, unless there are rules already. now: aware."""
    if (await page_of_rules(database, page_no=1, page_size=1))[0]:
        return

    async def write(connection: AsyncConnection) -> None:
        rule_id = await add_rule(
            connection, _rule("订单搜索变慢", "open.order.search", "p95_ms", _LIMIT, now, pending=2)
        )
        await add_rule(
            connection,
            _rule("库存查询出错", "open.stock.get", "error_rate", 20, now, min_calls=20, is_for_day_shift=True),
        )
        began = (now - timedelta(hours=3)).replace(second=0, microsecond=0)
        over = [at for at, value in enumerate(_COURSE) if value > _LIMIT]
        event = AlertEvent(
            rule_id=rule_id,
            alert_group="all",
            api_name="open.order.search",
            value=float(_COURSE[over[-1]]),
            peak=float(max(_COURSE)),
            calls=214,
            errors=3,
            p95_ms=float(_COURSE[over[-1]]),
            detail="",
            thread_id=f"demo-{began:%Y%m%d%H%M}@pailou.example",
            clean_windows=2,
            opened_at=began + timedelta(minutes=over[0]),
            seen_at=began + timedelta(minutes=over[-1]),
            notified_at=began + timedelta(minutes=over[0]),
            closed_at=began + timedelta(minutes=len(_COURSE) - 1),
            over_windows=len(over),
            threshold=_LIMIT,
        )
        event_id = await save_event(connection, event)
        for at, value in enumerate(_COURSE):
            await add_samples(connection, began + timedelta(minutes=at), [(event_id, float(value))])

    await database.run(write)


def _rule(
    name: str,
    api_name: str,
    metric: str,
    threshold: float,
    now: datetime,
    *,
    pending: int = 0,
    min_calls: int = 5,
    is_for_day_shift: bool = False,
) -> AlertRule:
    return AlertRule(
        name=name,
        api_name=api_name,
        metric=metric,
        threshold=threshold,
        window_s=300,
        min_calls=min_calls,
        pending_windows=pending,
        severity="warning",
        recipients=(Recipient(ADMIN_EMAIL),),
        version=2,
        create_time=now,
        update_time=now,
        updated_by=ADMIN_EMAIL,
        active_days=(1, 2, 3, 4, 5) if is_for_day_shift else (),
        active_from="09:00" if is_for_day_shift else None,
        active_to="18:00" if is_for_day_shift else None,
    )
