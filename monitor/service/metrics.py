"""The monitor's figures for /metrics; one registry per monitor, so that several can run in one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class MonitorMetrics:
    """runs: minutes by result — evaluated, blind, already (another monitor judged it), ahead (another judged
    minutes that have not come yet: its clock is wrong, or ours), failed (our database was down, or a fault).

    leader: 1 while this monitor judged the latest minute; mails: attempts by result — sent, retry, refused.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.runs = Counter(
            "pailou_monitor_runs", "Minutes by what became of them here", ["result"], registry=self.registry
        )
        self.leader = Gauge("pailou_monitor_leader", "1 = judged the latest minute", registry=self.registry)
        self.mails = Counter("pailou_alert_mails", "Attempts to send an alert mail", ["result"], registry=self.registry)
