"""Frozen value types that cross borders between processes or layers: configuration, sessions, limits, call logs, mails.

Everything that is written to Redis or RabbitMQ is one of these, encoded as JSON by msgspec, which also validates on the way
in: a record that does not fit raises msgspec.ValidationError, and the reader keeps the last good one.
"""

from openplatform.records.caching import CacheFind
from openplatform.records.call_logs import (
    ApiStats,
    CallLog,
    CallStats,
    Histogram,
    IndexVerdict,
    LogConditions,
    LogHit,
    LogPage,
    LogQuery,
    LogSort,
    StatsBy,
    StatsQuery,
    StatsTable,
    StoreInUse,
    TimeBucket,
)
from openplatform.records.catalogue import (
    AccessToken,
    App,
    BreakerRules,
    CatalogUpdate,
    ConfigChange,
    ConfigKind,
    Grant,
    Route,
    SystemParam,
)
from openplatform.records.dead_letters import DeadLetter, DeadLetterPage, DeadLetterQuery
from openplatform.records.instances import Instance, ProcessReport
from openplatform.records.limits import (
    AppUse,
    AppUses,
    BalanceState,
    Charge,
    CounterState,
    CounterStates,
    QuotaRequest,
    QuotaUse,
    QuotaVerdict,
    Reservation,
    Rule,
)
from openplatform.records.mails import MAIL_ADDRESS, MAIL_SENDER, Mail
from openplatform.records.record import ApiName, AppKey, Record, TokenHash

__all__ = [
    "MAIL_ADDRESS",
    "MAIL_SENDER",
    "AccessToken",
    "ApiName",
    "ApiStats",
    "App",
    "AppKey",
    "AppUse",
    "AppUses",
    "BalanceState",
    "BreakerRules",
    "CacheFind",
    "CallLog",
    "CallStats",
    "CatalogUpdate",
    "Charge",
    "ConfigChange",
    "ConfigKind",
    "CounterState",
    "CounterStates",
    "DeadLetter",
    "DeadLetterPage",
    "DeadLetterQuery",
    "Grant",
    "Histogram",
    "IndexVerdict",
    "Instance",
    "LogConditions",
    "LogHit",
    "LogPage",
    "LogQuery",
    "LogSort",
    "Mail",
    "ProcessReport",
    "QuotaRequest",
    "QuotaUse",
    "QuotaVerdict",
    "Record",
    "Reservation",
    "Route",
    "Rule",
    "StatsBy",
    "StatsQuery",
    "StatsTable",
    "StoreInUse",
    "SystemParam",
    "TimeBucket",
    "TokenHash",
]
