"""What the indexer tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from openplatform.records import StoreInUse


class IndexerMetrics:
    """Counters and gauges in a registry of their own, so that several services can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.docs = Counter(
            "pailou_indexer_docs",
            "Call logs by what became of them: created, duplicate (was there), deadletter, retried (the store wants it again)",
            ["result"],
            registry=self.registry,
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
        self.dead_letters = Gauge(
            "pailou_dlq_messages", "Call logs that no store takes, in the dead-letter queue", registry=self.registry
        )
        self.blocked = Gauge(
            "pailou_log_store_blocked",
            "1 = the store takes no writes until somebody makes room (Elasticsearch's flood stage)",
            registry=self.registry,
        )
        self.store = Gauge(
            "pailou_log_store_info",
            "1, for the store and the analyser in use",
            ["store", "analyzer"],
            registry=self.registry,
        )
        for result in ("created", "duplicate", "deadletter", "retried"):
            self.docs.labels(result)

    def uses(self, store: StoreInUse) -> None:
        """What the store says of itself."""
        self.store.clear()
        self.store.labels(store.store, store.analyzer).set(1)
