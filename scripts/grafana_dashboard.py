"""Writes deploy/grafana/pailou.json: scripts/grafana_dashboard.py. A test holds the file against this table."""

import json
from pathlib import Path
from typing import Any, NamedTuple

PATH = Path(__file__).parents[1] / "deploy" / "grafana" / "pailou.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS, HEIGHT = 24, 8
RATE = "$__rate_interval"


class Panel(NamedTuple):
    """unit: Grafana's word for it; queries: (expression, legend)."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    what: str = ""


def quantiles(metric: str, by: str = "") -> tuple[tuple[str, str], ...]:
    """p50, p95 and p99 of a histogram."""
    return tuple(
        (f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{{by}}}[{RATE}])))", f"p{int(q * 100)}")
        for q in (0.5, 0.95, 0.99)
    )


API, SERVICE = 'api=~"$api"', 'service=~"$service"'
ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Calls: rate, errors, duration",
        (
            Panel("Calls", "reqps", ((f"sum by (outcome) (rate(pailou_requests_total{{{API}}}[{RATE}]))", "{{outcome}}"),)),
            Panel(
                "Faults that are not the caller's", "percentunit",
                (
                    (
                        f'sum(rate(pailou_requests_total{{{API},outcome=~"platform_error|upstream_failed"}}[{RATE}]))'
                        f" / sum(rate(pailou_requests_total{{{API}}}[{RATE}]))", "share",
                    ),
                ),
            ),
            Panel("Time to answer", "s", quantiles("pailou_request_duration_seconds", API)),
            Panel(
                "Errors by code", "reqps",
                ((f'sum by (code) (rate(pailou_requests_total{{{API},code!="0"}}[{RATE}]))', "{{code}}"),),
            ),
            Panel("Busiest APIs", "reqps", ((f"topk(10, sum by (api) (rate(pailou_requests_total{{{API}}}[{RATE}])))", "{{api}}"),)),
            Panel(
                "Stages, p95 of sampled calls", "s",
                (
                    (
                        f"histogram_quantile(0.95, sum by (le, step) (rate(pailou_step_duration_seconds_bucket[{RATE}])))",
                        "{{step}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Upstreams and breakers",
        (
            Panel("Time at services", "s", quantiles("pailou_upstream_duration_seconds", f"{SERVICE},{API}")),
            Panel(
                "Errors of services", "reqps",
                ((f"sum by (service, kind) (rate(pailou_upstream_errors_total{{{SERVICE}}}[{RATE}]))", "{{service}} {{kind}}"),),
            ),
            Panel(
                "Breakers", "none", ((f"max by (service, api) (pailou_breaker_state{{{SERVICE}}}) > 0", "{{service}} {{api}}"),),
                "1 half-open, 2 open; a breaker that is closed is not shown.",
            ),
            Panel(
                "Held back", "reqps",
                (
                    (f"sum by (service) (rate(pailou_breaker_refused_total{{{SERVICE}}}[{RATE}]))", "{{service}} breaker"),
                    (f"sum by (service) (rate(pailou_bulkhead_rejected_total{{{SERVICE}}}[{RATE}]))", "{{service}} bulkhead"),
                ),
            ),
            Panel(
                "Retries", "reqps",
                ((f"sum by (service, result) (rate(pailou_retries_total{{{SERVICE}}}[{RATE}]))", "{{service}} {{result}}"),),
            ),
            Panel(
                "Under way", "short",
                ((f'sum by (service) (pailou_bulkhead_in_flight{{{SERVICE},api=""}})', "{{service}}"),),
            ),
            Panel(
                "Response cache", "reqps",
                tuple(
                    (f"sum(rate(pailou_cache_{what}_total[{RATE}]))", what) for what in ("hits", "misses", "joined", "stale")
                ),
            ),
        ),
    ),
    (
        "Limits",
        (
            Panel(
                "Decisions", "reqps",
                ((f"sum by (scope, decision) (rate(pailou_limit_decisions_total[{RATE}]))", "{{decision}} {{scope}}"),),
            ),
            Panel(
                "Without Redis", "none", (("max by (mode) (pailou_limit_store_degraded)", "{{mode}}"),),
                "1 while Redis does not decide calls.",
            ),
            Panel(
                "Decided by processes alone", "reqps",
                ((f"sum(rate(pailou_limit_local_decisions_total[{RATE}]))", "calls"),),
            ),
            Panel("Replays", "reqps", ((f"sum(rate(pailou_replay_rejected_total[{RATE}]))", "refused"),)),
            Panel(
                "Charges", "reqps",
                (
                    (f"sum(rate(pailou_charges_sent_total[{RATE}]))", "sent"),
                    (f"sum by (result) (rate(pailou_charges_total[{RATE}]))", "{{result}}"),
                ),
            ),
        ),
    ),
    (
        "Log pipeline",
        (
            Panel(
                "Records", "reqps",
                (
                    (f"sum(rate(pailou_log_published_total[{RATE}]))", "sent"),
                    (f"sum by (result) (rate(pailou_indexer_docs_total[{RATE}]))", "{{result}}"),
                ),
            ),
            Panel(
                "Age of the oldest", "s",
                (
                    ("max(pailou_log_oldest_unsent_seconds)", "not at the broker"),
                    ("max(pailou_log_lag_seconds)", "not searchable"),
                ),
            ),
            Panel("Spool", "bytes", (("sum by (instance) (pailou_log_spool_bytes)", "{{instance}}"),)),
            Panel(
                "Waiting", "short",
                (
                    ("sum(pailou_log_spool_entries)", "records in spools"),
                    ("max(pailou_log_queue_depth)", "batches in the queue"),
                    ("max(pailou_dlq_messages)", "dead letters"),
                ),
            ),
            Panel("Lost", "short", ((f"sum by (reason) (increase(pailou_log_dropped_total[{RATE}]))", "{{reason}}"),)),
            Panel(
                "Messages", "reqps",
                ((f"sum by (result) (rate(pailou_log_publish_total[{RATE}]))", "{{result}}"),),
            ),
        ),
    ),
    (
        "Configuration, leader, processes",
        (
            Panel("Configuration in force", "none", (("pailou_config_version", "{{instance}} {{worker}}"),)),
            Panel("Refused changes", "short", ((f"sum(increase(pailou_config_rejected_total[{RATE}]))", "changes"),)),
            Panel("Clock beside Redis'", "s", (("pailou_clock_skew_seconds", "{{instance}} {{worker}}"),)),
            Panel("Who monitors", "none", (("max by (instance) (pailou_monitor_leader)", "{{instance}}"),)),
            Panel(
                "Minutes and mails", "short",
                (
                    (f"sum by (result) (increase(pailou_monitor_runs_total[{RATE}]))", "minutes {{result}}"),
                    (f"sum by (result) (increase(pailou_alert_mails_total[{RATE}]))", "mails {{result}}"),
                ),
            ),
            Panel("Dependencies", "none", (("min by (job, dep) (pailou_dependency_up)", "{{job}} {{dep}}"),)),
            Panel("CPU", "percentunit", ((f"sum by (job) (rate(process_cpu_seconds_total[{RATE}]))", "{{job}}"),)),
            Panel("Memory", "bytes", (("process_resident_memory_bytes", "{{job}} {{instance}} {{worker}}"),)),
            Panel(
                "Signing in", "short", ((f"sum by (result) (increase(pailou_admin_logins_total[{RATE}]))", "{{result}}"),)
            ),
            Panel("Versions", "none", (("count by (service, version) (pailou_build_info)", "{{service}} {{version}}"),)),
        ),
    ),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    """What Grafana imports."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        y += 1
        width = COLUMNS // 3
        for n, panel in enumerate(row):
            place = {"h": HEIGHT, "w": width, "x": n % 3 * width, "y": y + n // 3 * HEIGHT}
            panels.append(_panel(len(panels) + 1, panel, place))
        y += -(-len(row) // 3) * HEIGHT
    return {
        "uid": "pailou",
        "title": "Pailou",
        "tags": ["pailou"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                _variable("service", "label_values(pailou_upstream_duration_seconds_count, service)"),
                _variable("api", "label_values(pailou_requests_total, api)"),
            ]
        },
        "panels": panels,
    }


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.what,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": None if "skew" in panel.queries[0][0] else 0},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for n, (expression, legend) in enumerate(panel.queries)
        ],
    }


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def written() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(written())
