"""What the indexer tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class IndexerMetrics:
    """Counters and gauges in a registry of their own, so that several services can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.docs = Counter(
            "pailou_indexer_docs",
            "Call logs by what became of them: created, duplicate, refused (dead letter), undecodable (dead letter)",
            ["result"],
            registry=self.registry,
        )
        self.retries = Counter(
            "pailou_indexer_retries", "Records that the store asked to be sent again", registry=self.registry
        )
        self.outages = Counter(
            "pailou_indexer_store_outages", "Bulk requests that the store did not answer", registry=self.registry
        )
        self.unsettled = Counter(
            "pailou_indexer_redeliveries",
            "Batches that could not be acknowledged or were given back: they come again",
            registry=self.registry,
        )
        self.lag_s = Gauge(
            "pailou_log_lag_seconds", "Age of the oldest call log that is not indexed yet", registry=self.registry
        )
        self.depth = Gauge("pailou_log_queue_depth", "Batches waiting in the queue", registry=self.registry)
        for result in ("created", "duplicate", "refused", "undecodable"):
            self.docs.labels(result)
