"""Prometheus metrics: requests of the server's processes, arrivals and deliveries."""

import os
from collections.abc import Iterator

from peewee import fn
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from models import Arrival, Delivery
from usage import warm
from usage.deliveries import MOST_ATTEMPTS

# The folder where each process keeps its counters, if there are several.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
OUTCOMES = {
    "accepted": "accepted",
    "duplicates": "duplicate",
    "skipped": "skipped",
    "rejected": "rejected",
}
OWN = CollectorRegistry()
REQUESTS = Counter("tallyboard_requests", "Requests answered.", ("route", "status"), registry=OWN)
SECONDS = Histogram(
    "tallyboard_request_seconds",
    "Seconds from the request to the start of its answer.",
    ("route",),
    registry=OWN,
)
SCOPES = Gauge(
    "tallyboard_warm_scopes",
    "Scopes whose standings are kept in memory, in all processes together.",
    registry=OWN,
    multiprocess_mode="livesum",
)


def count(route: str, status: int, seconds: float) -> None:
    """Count an answer, by its route: URLs hold names of people."""
    REQUESTS.labels(route, status).inc()
    SECONDS.labels(route).observe(seconds)
    SCOPES.set(len(warm.store.kept()))


def exposition(accept: str) -> tuple[bytes, str]:
    """All metrics in the format that the Accept header asks for, and its content type."""
    registry = CollectorRegistry()
    if os.environ.get(SHARED):
        MultiProcessCollector(registry)
    else:
        registry.register(OWN)
    registry.register(_Board())
    write, kind = choose_encoder(accept)
    return write(registry), kind


class _Board:
    """Metrics read from the database: they cover all processes, since the board began."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from _arrivals()
        yield from _deliveries()


def _arrivals() -> Iterator[Metric]:
    sums = [fn.SUM(getattr(Arrival, name)) for name in (*OUTCOMES, "unreadable")]
    latest = fn.MAX(Arrival.last_time)
    rows = Arrival.select(Arrival.format, latest, *sums).group_by(Arrival.format)
    events = CounterMetricFamily(
        "tallyboard_events", "Events received.", labels=("format", "outcome")
    )
    bodies = CounterMetricFamily(
        "tallyboard_unreadable_bodies", "Bodies that held no events.", labels=("format",)
    )
    last = GaugeMetricFamily(
        "tallyboard_last_arrival_timestamp_seconds", "When events last came.", labels=("format",)
    )
    for format, moment, *counts, unreadable in sorted(rows.tuples()):
        for outcome, value in zip(OUTCOMES.values(), counts, strict=True):
            events.add_metric((format, outcome), int(value))
        bodies.add_metric((format,), int(unreadable))
        last.add_metric((format,), moment.timestamp())
    yield from (events, bodies, last)


def _deliveries() -> Iterator[Metric]:
    open_ones = Delivery.select().where(Delivery.done_at.is_null())
    for name, about, which in (
        ("waiting", "Notices on their way to somebody.", Delivery.attempts < MOST_ATTEMPTS),
        ("given_up", "Notices that never arrived.", Delivery.attempts >= MOST_ATTEMPTS),
    ):
        yield GaugeMetricFamily(
            f"tallyboard_deliveries_{name}", about, value=open_ones.where(which).count()
        )
