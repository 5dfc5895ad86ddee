"""Bytes of one task in Redis, waiting and finished, indexes and registries included."""

from broker.broker import Broker
from broker.config import BrokerSettings
from scripts.bench import pipelines, tasks
from scripts.bench.report import table
from scripts.bench.server import EMBEDDED, fresh

_SETTINGS = {
    "as the embedded server (hash-max-listpack-value 512)": EMBEDDED,
    "server's defaults (hash-max-listpack-value 64)": {},
}


def run(count: int) -> dict[str, dict[str, float]]:
    """By settings: bytes per waiting and per finished task of EmbeddingGeneration."""
    return {name: _measure(settings, count) for name, settings in _SETTINGS.items()}


def _measure(settings: dict[str, str], count: int) -> dict[str, float]:
    kind = tasks.kind("EmbeddingGeneration")
    with fresh(settings) as server:
        broker = Broker.connect(BrokerSettings(redis_url=server.url), tasks.TYPES)
        pipelines.finish(broker, kind, pipelines.submit(broker, kind, 1))
        empty = server.memory()
        ids = pipelines.submit(broker, kind, count)
        waiting = server.memory()
        pipelines.finish(broker, kind, ids)
        finished = server.memory()
        return {
            "waiting": (waiting - empty) / count,
            "finished": (finished - empty) / count,
            "hash_finished": float(server.redis.memory_usage(broker.keys.job(ids[0]))),
        }


def report(found: dict[str, dict[str, float]]) -> str:
    """The table."""
    columns = ("waiting", "finished", "hash_finished")
    rows = [[name, *(f"{figures[column]:,.0f}" for column in columns)] for name, figures in found.items()]
    return table(["bytes per EmbeddingGeneration task", "waiting", "finished", "of it the hash"], rows)
