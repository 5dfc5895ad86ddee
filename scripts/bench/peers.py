"""The table of everything that is compared: versions, worker commands, and how to see how far a drain is.

A peer's program lies in ``programs/`` and runs in the peer's own environment below ``.bench/``; the programs are no
part of the package, because their imports are not ours. Each row runs as its documentation says, two worker processes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: How many of ``submitted`` tasks are done, by looking at the server.
Done = Callable[[Any, int], int]


def grows(*command: str) -> Done:
    """The command's answer is the number of ended tasks."""
    return lambda redis, submitted: int(redis.execute_command(*command))


def shrinks(*command: str) -> Done:
    """The command's answer is the number of tasks that have not ended."""
    return lambda redis, submitted: submitted - int(redis.execute_command(*command))


def expiring() -> Done:
    """Every result, and nothing else, is a key with a time to live."""
    return lambda redis, submitted: int(redis.info("keyspace").get("db0", {}).get("expires", 0))


@dataclass(frozen=True)
class Peer:
    """One row. In commands ``{bin}`` is the environment's folder of programs."""

    name: str
    program: str
    #: Tasks per drain, so that it takes five seconds or more on a small machine.
    tasks: int
    done: Done
    workers: tuple[str, ...]
    #: Pinned packages; none means this project's own environment.
    packages: tuple[str, ...] = ()
    #: Which environment below ``.bench/``.
    home: str = ""
    bulk: bool = False
    #: Append-only file, synced every second.
    durable: bool = False

    @property
    def is_node(self) -> bool:
        return self.program.endswith(".mjs")


_REDIS = ("redis==8.1.0", "hiredis==3.5.0")
_RQ = ("rq==3.0.0", *_REDIS)
_OURS = ("python ours_tasks.py", "python -m broker")

PEERS = (
    Peer("ours", "ours_tasks.py", 40_000, grows("ZCARD", "rq:finished:Noop"), _OURS, bulk=True),
    Peer("ours, append-only file", "ours_tasks.py", 40_000, grows("ZCARD", "rq:finished:Noop"), _OURS, bulk=True,
         durable=True),
    Peer("floor: one Lua call", "floor_tasks.py", 150_000, grows("ZCARD", "floor:finished"),
         ("python floor_tasks.py",) * 2, bulk=True),
    Peer("RQ Worker", "rq_tasks.py", 600, grows("ZCARD", "rq:finished:bench"),
         ("{bin}/rq worker --quiet --url {url} bench",) * 2, _RQ, "rq", bulk=True),
    Peer("RQ SimpleWorker", "rq_tasks.py", 3_500, grows("ZCARD", "rq:finished:bench"),
         ("{bin}/rq worker --quiet --url {url} -w rq.worker.SimpleWorker bench",) * 2, _RQ, "rq", bulk=True),
    Peer("Celery", "celery_tasks.py", 6_000, expiring(),
         ("{bin}/celery -A celery_tasks worker --concurrency 2 --loglevel ERROR",),
         ("celery==5.7.0", "packaging==26.3", *_REDIS), "celery"),
    Peer("Dramatiq", "dramatiq_tasks.py", 20_000, shrinks("HLEN", "dramatiq:default.msgs"),
         ("{bin}/dramatiq dramatiq_tasks --processes 2 --threads 8",), ("dramatiq==2.2.1", *_REDIS), "dramatiq"),
    Peer("Huey", "huey_tasks.py", 28_000, grows("HLEN", "huey.results.bench"),
         ("{bin}/huey_consumer huey_tasks.huey --workers 2 --worker-type process --quiet",),
         ("huey==3.5.4", *_REDIS), "huey"),
    Peer("Taskiq", "taskiq_tasks.py", 20_000, expiring(),
         ("{bin}/taskiq worker taskiq_tasks:broker --workers 2 --log-level ERROR",),
         ("taskiq==0.13.0", "taskiq-redis==1.2.4", *_REDIS), "taskiq"),
    Peer("SAQ", "saq_tasks.py", 18_000, shrinks("ZCARD", "saq:bench:incomplete"),
         ("{bin}/saq saq_tasks.settings --workers 2 --quiet",),
         ("saq==0.26.4", "typing-extensions==4.16.0", "redis==7.4.1", "hiredis==3.5.0"), "saq"),
    Peer("BullMQ", "bullmq_tasks.mjs", 40_000, grows("ZCARD", "bull:bench:completed"),
         ("node bullmq_tasks.mjs work",) * 2, ("bullmq@6.7.0", "ioredis@5.11.1"), "bullmq", bulk=True),
)  # fmt: skip
