"""Every Redis key of the platform, in one table: type, lifetime, who writes it and who reads it.

| key | type | lifetime | writer | reader |
|---|---|---|---|---|
| pailou:{adm}:app:<app_key> | hash: an app's day count, 61 buckets | 2 days from a day's first call | gateway | gateway, admin, monitor |
| pailou:{adm}:api:<API name> | hash: the same for an API with limits over all apps | 2 days from a day's first call | gateway | gateway |
| pailou:{adm}:app-api:<app_key>:<API name> | hash: the same for a grant with limits | 2 days from a day's first call | gateway | gateway |
| pailou:{adm}:sentinel | string: `run-id epoch`, missing = the counters are not complete | none | admin | gateway, admin |
| pailou:{adm}:counted | zset: counter's key → when it counted last, epoch s, to 10 s | 2 days by entry | gateway, admin | admin, monitor |
| pailou:{adm}:balance:<customer id> | hash: money, seq (newest ledger row in it), pending, fen | none | admin, gateway | gateway, admin |
| pailou:{adm}:pending:<customer id> | hash: request id → `price expiry`, expiry 0 = settled | none | gateway | admin |
| pailou:{adm}:pending-expiry | zset: `customer request` → expiry of reservations, epoch s | none | gateway | admin |
| pailou:{adm}:rank:<yyyymmdd> | zset: API name → accepted calls of the day | 31 days | gateway | admin |
| pailou:{cat}:epoch | string: form and identity of the catalogue, missing = not complete | none | admin | gateway |
| pailou:{cat}:version | string: number of the latest change | none | admin | gateway |
| pailou:{cat}:changes | zset: `kind:key` of apps, routes, params → number of its latest change | none | admin | gateway |
| pailou:{cat}:session-changes | zset: token hash → number of its latest change, the last 100,000 | none | admin | gateway |
| pailou:{cat}:rows | hash: `kind:key` → outbox version | none | admin | admin |
| pailou:{cat}:app, :route, :param | hash: key → record as JSON | none | admin | gateway, monitor |
| pailou:session:<token hash> | string: `version AccessToken-as-JSON`, `version ` = revoked | 1 day after it expires | admin | gateway |
| pailou:cache:{<hash>}:answer | string: a service's answer | the API's cache_ttl_s + PAILOU_CACHE_STALE_S | gateway | gateway |
| pailou:cache:{<hash>}:asked | string: request id that asks the service | the API's timeout + 1 s | gateway | gateway |
| pailou:signature:<app_key>:<sign> | string: request id that used it | 2 × the timestamp window + 60 s | gateway | gateway |
| pailou:announce | channel: something changed | - | admin | gateway |
| pailou:instances:<service_id> | zset: `process instance-as-JSON` → expiry, epoch s | 15 s after a beat | every service | every client |
| pailou:reports:<service_id> | zset: `process report-as-JSON` → expiry, epoch s | 15 s after a beat | gateway | admin |
| pailou:lock:{<name>} | string: owner's token | 30 s, renewed | monitor, indexer | same |
| pailou:fence:{<name>} | string: counter | none | monitor, indexer | same |

The admission keys share the hash tag {adm}, the catalogue keys {cat}, a lock and its counter the lock's name: one script touches
one tag only, so that all of this runs on a Redis Cluster too.
"""

RANK_PREFIX = "pailou:{adm}:rank:"
APP_QUOTA_PREFIX = "pailou:{adm}:app:"
API_QUOTA_PREFIX = "pailou:{adm}:api:"
GRANT_QUOTA_PREFIX = "pailou:{adm}:app-api:"
ADMISSION_SENTINEL = "pailou:{adm}:sentinel"
COUNTED_RECENTLY = "pailou:{adm}:counted"
BALANCE_PREFIX = "pailou:{adm}:balance:"
PENDING_PREFIX = "pailou:{adm}:pending:"
PENDING_EXPIRY = "pailou:{adm}:pending-expiry"
CATALOG_EPOCH = "pailou:{cat}:epoch"
CATALOG_VERSION = "pailou:{cat}:version"
CATALOG_CHANGES = "pailou:{cat}:changes"
CATALOG_SESSION_CHANGES = "pailou:{cat}:session-changes"
CATALOG_ROWS = "pailou:{cat}:rows"
CATALOG_PREFIX = "pailou:{cat}:"
SESSION_PREFIX = "pailou:session:"
CACHE_PREFIX = "pailou:cache:"
SIGNATURE_PREFIX = "pailou:signature:"
ANNOUNCE_CHANNEL = "pailou:announce"
INSTANCES_PREFIX = "pailou:instances:"
REPORTS_PREFIX = "pailou:reports:"
LOCK_PREFIX = "pailou:lock:"
FENCE_PREFIX = "pailou:fence:"
