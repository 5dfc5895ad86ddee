"""What `/metrics` says, as families of the Prometheus client library.

Counters are sums that Redis has, so any gateway process answers alike; gauges are as things stand. No label is of a
tenant, a task or anything else without an end. Seconds and bytes, as the conventions of Prometheus have it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from broker.metrics.counters import Histogram, TypeCounts
from broker.metrics.readings import Readings
from broker.queues.state import Queue


def exposed(readings: Readings, version: str, accept: str) -> tuple[bytes, str]:
    """The text, in the format that ``accept`` asks for, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Readings(readings, version))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Readings(Collector):
    def __init__(self, readings: Readings, version: str) -> None:
        self._readings = readings
        self._version = version

    def collect(self) -> Iterable[Metric]:
        readings = self._readings
        yield InfoMetricFamily("broker_build", "The release.", {"version": self._version})
        yield from _of_queues(readings.queues)
        yield from _of_counts(readings.counts.types)
        yield from _of_forecasts(readings)
        yield _counter("webhook_deliveries", "Attempts of webhooks.", "outcome", readings.counts.deliveries)
        yield _gauge("workers", "Worker processes.", "state", readings.workers)
        yield GaugeMetricFamily("broker_daemons", "Daemons that live.", readings.daemons)
        yield GaugeMetricFamily("broker_webhook_outbox", "Events that no endpoint has yet.", readings.outbox)
        aside = "Events that could not be told and were put aside."
        yield GaugeMetricFamily("broker_webhook_outbox_aside", aside, readings.outbox_aside)
        yield from _of_redis(readings.redis)


#: Name, help, and what it is of a queue; ``None`` is not told.
_OF_QUEUE: tuple[tuple[str, str, Callable[[Queue], float | None]], ...] = (
    ("queue_depth", "Tasks that wait in line.", lambda queue: queue.depth),
    ("tasks_scheduled", "Tasks that are not due.", lambda queue: queue.scheduled),
    ("tasks_processing", "Running tasks.", lambda queue: queue.processing),
    (
        "queue_oldest_age_seconds",
        "For how long the first task has waited; 0 for none.",
        lambda queue: queue.oldest_age_seconds or 0,
    ),
    ("queue_workers", "Worker processes that listen.", lambda queue: queue.workers),
    ("queue_paused", "1 while the queue is paused.", lambda queue: int(queue.paused)),
    ("limiter_tokens", "Tokens now, where the type has a rate.", lambda queue: queue.tokens),
    ("limiter_capacity", "The most tokens that there may be.", lambda queue: queue.burst if queue.rate else None),
    ("limiter_rate", "Tokens that come in a second.", lambda queue: queue.rate),
    ("limiter_concurrency", "Tasks that may run at once, where that is limited.", lambda queue: queue.concurrency),
)
#: The same of what was counted of a type.
_OF_TYPE: tuple[tuple[str, str, Callable[[TypeCounts], float]], ...] = (
    ("tasks_submitted", "Accepted tasks.", lambda counts: counts.submitted),
    ("task_retries", "Retries by themselves.", lambda counts: counts.retried),
    ("interruptions", "Runs that were handed back by a worker that stops.", lambda counts: counts.handed_back),
    ("runs_lost", "Runs whose process died.", lambda counts: counts.lost),
    ("leases_expired", "Of those, whose lease ran out: its machine is gone.", lambda counts: counts.leases_lost),
    ("task_cpu_seconds", "Processor time of runs, with their programs.", lambda counts: counts.cpu_seconds),
    ("task_media_seconds", "Seconds of the recordings that runs were about.", lambda counts: counts.media_seconds),
    ("task_read_bytes", "Bytes that runs read from the media storage.", lambda counts: counts.bytes_read),
    ("task_written_bytes", "Bytes that runs wrote to it.", lambda counts: counts.bytes_written),
)


def _of_queues(queues: Sequence[Queue]) -> Iterator[Metric]:
    for name, words, of in _OF_QUEUE:
        found = {queue.type: of(queue) for queue in queues}
        yield _gauge(name, words, "type", {each: value for each, value in found.items() if value is not None})


def _of_counts(counts: Mapping[str, TypeCounts]) -> Iterator[Metric]:
    for name, words, of in _OF_TYPE:
        yield _counter(name, words, "type", {each: of(own) for each, own in counts.items()})
    finished = CounterMetricFamily("broker_tasks_finished", "Ended tasks.", labels=("type", "outcome"))
    refused = CounterMetricFamily("broker_tasks_refused", "Refused submissions.", labels=("type", "reason"))
    for each, own in counts.items():
        for outcome, number in own.ended.items():
            finished.add_metric((each, outcome), number)
        for reason, number in own.refused.items():
            refused.add_metric((each, reason), number)
    yield finished
    yield refused
    waits, runs = ({each: getattr(own, what) for each, own in counts.items()} for what in ("wait", "run"))
    yield _histogram("task_wait_seconds", "From the moment a task came into line to its start.", waits)
    yield _histogram("task_run_seconds", "Runs that completed or failed.", runs)
    peaks = {each: own.peak_memory_bytes for each, own in counts.items()}
    yield _gauge("task_peak_memory_bytes", "The most memory that a run took on the last day with one.", "type", peaks)


def _of_forecasts(readings: Readings) -> Iterator[Metric]:
    known = {name: each for name, each in readings.accuracies.items() if each}
    errors = {name: each.median_error for name, each in known.items()}
    yield _gauge("forecast_error_ratio", "Median error of the forecasts of the last 500 starts.", "type", errors)
    coverage = {name: each.coverage for name, each in known.items()}
    yield _gauge("forecast_coverage_ratio", "The part of them between p10 and p90; 0.8 is right.", "type", coverage)
    wanted = {",".join(each.types): each.wanted for each in readings.wanted}
    words = "Worker processes that are wanted, so that tasks start within a minute."
    yield _gauge("autoscale_wanted_workers", words, "types", wanted)


def _of_redis(report: Mapping[str, int]) -> Iterator[Metric]:
    yield GaugeMetricFamily("broker_redis_memory_used_bytes", "Memory of Redis.", report["used_memory"])
    yield GaugeMetricFamily("broker_redis_memory_max_bytes", "What it may take; 0 for any.", report["maxmemory"])
    yield GaugeMetricFamily("broker_redis_connected_clients", "Its connections.", report["connected_clients"])
    rejected = "Connections that it has refused."
    yield CounterMetricFamily("broker_redis_rejected_connections", rejected, report["rejected_connections"])
    yield CounterMetricFamily(
        "broker_redis_evicted_keys", "Keys that it has given up; must be 0.", report["evicted_keys"]
    )
    yield GaugeMetricFamily("broker_redis_uptime_seconds", "Since its start.", report["uptime_in_seconds"])


def _gauge(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"broker_{name}", words, labels=(label,))
    for each, value in values.items():
        family.add_metric((each,), value)
    return family


def _counter(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"broker_{name}", words, labels=(label,))
    for each, value in values.items():
        family.add_metric((each,), value)
    return family


def _histogram(name: str, words: str, values: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(f"broker_{name}", words, labels=("type",))
    for each, histogram in values.items():
        buckets = [("+Inf" if bound == float("inf") else repr(bound), count) for bound, count in histogram.buckets]
        family.add_metric((each,), buckets, histogram.sum)
    return family
