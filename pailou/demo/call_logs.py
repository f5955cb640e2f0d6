"""A day of past calls, so that search, statistics and charts show something at the first look."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from openplatform.ports import CallLogStore
from openplatform.records import CallLog, LogQuery
from pailou.demo.apis import EXAMPLES
from pailou.demo.world import SHOES, TEA

CALLS = 2_000
QUIET = timedelta(minutes=10)
"""The newest demo call is older than this: the monitor's window and today's calls belong to the visitor."""
_BATCH = 500
# API, share of the calls, usual milliseconds in the service.
_MIX = (
    ("open.order.search", 40, 18),
    ("open.order.get", 30, 7),
    ("open.stock.get", 15, 6),
    ("open.warehouse.search", 5, 5),
    ("open.stock.lock", 5, 14),
    ("open.stock.deduct", 3, 12),
    ("open.order.cancel", 2, 24),
)
_ERRORS = (
    ("7:accesscontrol.limited-by-app-access-count", 4),
    ("25:isv.invalid-signature", 2),
    ("27:session-expired", 2),
    ("15:isv.order-not-exists", 3),
    ("15:isp.top-remote-connection-timeout", 1),
)
_ERROR_SHARE = 0.03
_CALLERS = (("10000001", TEA.vender_id, 5), ("10000002", SHOES.vender_id, 1))


async def seed_call_logs(store: CallLogStore, now: datetime, *, gateway_ip: str = "127.0.0.1") -> None:
    """Stores the calls of the last 24 hours, unless the store has records of them. now: aware."""
    until_ms = int(now.timestamp() * 1000)
    known = await store.search(LogQuery(from_ms=until_ms - 86_400_000, to_ms=until_ms, size=1))
    if known.total:
        return
    records = list(build_call_logs(now, gateway_ip))
    for start in range(0, len(records), _BATCH):
        await store.add(records[start : start + _BATCH])


def build_call_logs(now: datetime, gateway_ip: str) -> Iterator[CallLog]:
    """Records as the gateway writes them, oldest first; busier by day than by night."""
    chance = random.Random(86_400)  # noqa: S311  # sample data
    span_s = (timedelta(days=1) - QUIET).total_seconds()
    moments = sorted(_moment(chance, now, span_s) for _ in range(CALLS))
    for moment in moments:
        yield _record(chance, moment, gateway_ip)


def _moment(chance: random.Random, now: datetime, span_s: float) -> datetime:
    while True:
        moment = now - QUIET - timedelta(seconds=chance.random() * span_s)
        hour = moment.hour + 8  # trade is by the clock of GMT+8
        if chance.random() < 0.55 - 0.45 * math.cos((hour - 2) / 24 * 2 * math.pi):
            return moment


def _record(chance: random.Random, moment: datetime, gateway_ip: str) -> CallLog:
    [(api_name, _, usual_ms)] = chance.choices(_MIX, [share for _, share, _ in _MIX])
    [(app_key, vender_id, _)] = chance.choices(_CALLERS, [share for _, _, share in _CALLERS])
    error = "0"
    if chance.random() < _ERROR_SHARE:
        [(error, _)] = chance.choices(_ERRORS, [share for _, share in _ERRORS])
    reached_service = error == "0" or error.startswith("15")
    service_ms = max(1, round(chance.lognormvariate(math.log(usual_ms), 0.5)))
    if error.endswith("timeout"):
        service_ms = 3000
    params = {
        "method": api_name,
        "app_key": app_key,
        "session": "***",
        "timestamp": (moment + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S"),
        "v": "2.0",
        "format": "json",
        "sign_method": "hmac-sha256",
        **EXAMPLES[api_name],
        "sign": "***",
    }
    return CallLog(
        requestId=f"{chance.getrandbits(128):032x}",
        appkey=app_key,
        servIP=gateway_ip,
        venderId=vender_id if reached_service or error.startswith("7") else None,
        remoteIp=f"203.0.113.{chance.randint(1, 40)}",
        apiName=api_name,
        platformRepTime=service_ms + 1 if reached_service else 1,
        requestContent="&".join(f"{name}={value}" for name, value in params.items()),
        errorCode=error,
        receiveTime=int(moment.timestamp() * 1000),
        serviceTime=service_ms if reached_service else None,
        httpMethod="POST",
        responseBytes=chance.randint(200, 6_000) if error == "0" else 180,
        gatewayNode="demo",
        attempts=1 if reached_service else 0,
    )
