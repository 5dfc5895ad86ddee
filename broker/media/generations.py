"""Generations of vectors: which one answers a tenant's searches, which one all are to have, and how far that is.

A generation is what one model, by one recipe, has made; its name is the model name under which vectors are kept. The
*wanted* one is the newest that live workers make: each is as old as the first worker that made it, so that workers of
two releases side by side do not take turns, and an older one is wanted again when no worker of a newer has been there
for `GONE_AFTER`. Of each tenant the *active* one answers until the wanted one lacks nothing.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from redis import Redis

from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script

#: Seconds without a worker that makes it, after which a generation is not waited for.
GONE_AFTER = 600.0
#: Files that failed which are named.
_NAMED = 20
#: The field of a worker's record that says what it makes: generation and, after a line's end, where its model is.
MAKES = "makes"


class Step(NamedTuple):
    """What one step has left."""

    wanted: str
    #: More is to be done at once.
    more: bool
    switched: bool
    #: When these files were handed out to be embedded anew, and each file's id and kind.
    handed_us: int
    files: list[tuple[str, str]]


class Standing(NamedTuple):
    """What a search has to know of a tenant."""

    #: The generation to be preferred, if that was decided already.
    active: str | None
    #: All that have any vectors.
    models: frozenset[str]
    #: How many files can be searched in all, and how many of them the wanted generation has not.
    total: int = 0
    lacking: int = 0
    #: Whether the active generation has all of them.
    settled: bool = True


class Generation(Struct, frozen=True):
    """One generation of a tenant's vectors."""

    name: str
    files: int
    #: ``active``, ``next`` or ``kept``.
    state: str
    #: Since when it is neither active nor next.
    kept_since: str | None


class Progress(Struct, frozen=True):
    """How a tenant's change of generation stands. ``next`` is ``None`` when there is none."""

    active: str | None
    next: str | None
    since: str | None
    switched_at: str | None
    total: int
    done: int
    missing: int
    failed: int
    #: Tasks that were queued for missing files and have not ended.
    tasks: int
    #: Whether all files were looked at; until then there may be more missing.
    counted: bool
    #: Seconds until the switch, as fast as it has been so far.
    estimate: float | None
    failures: list[dict[str, str]]
    generations: list[Generation]


class Generations:
    """Of all tenants, on one Redis client with ``decode_responses=True``. The daemon's errors pass through."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._want = Script("want_generation")
        self._step = Script("step_generation")
        self._settle = Script("settle_generation")
        self._workers = Script("workers")

    # the daemon's ------------------------------------------------------------------------------------------------

    def want(self, gone_after: float = GONE_AFTER) -> str:
        """Decides by the live workers which generation all tenants are to have; empty as long as nobody makes any."""
        rows = self._workers(self._redis, prefix=self._keys.prefix, names=[MAKES])
        made = dict(row[-1].split("\n", 1) for row in rows if row[-1] and "\n" in row[-1])
        flat = [part for pair in sorted(made.items()) for part in pair]
        wanted: str = self._want(self._redis, prefix=self._keys.prefix, gone_us=int(gone_after * 1_000_000), made=flat)
        return wanted

    def wanted(self, tenant: str) -> str:
        """What a tenant's missing files are missing from; empty when nothing was decided for it."""
        return self._redis.hget(self._keys.generation(tenant), "wanted") or ""

    def now_us(self) -> int:
        """The server's time."""
        seconds, micros = self._redis.time()
        return int(seconds) * 1_000_000 + int(micros)

    def due(self, most: int) -> list[str]:
        """Tenants that somebody has to look at, those that have waited longest first."""
        found: list[str] = self._redis.zrangebyscore(self._keys.generations_due(), "-inf", self.now_us(), 0, most)
        return found

    def step(self, tenant: str, *, limit: int, most: int, keep_seconds: float) -> Step | None:
        """Does the next ``limit`` files' worth of what is to be done for a tenant, and hands out ``most`` of them."""
        answer = self._step(
            self._redis,
            prefix=self._keys.prefix,
            tenant=tenant,
            limit=limit,
            most=most,
            keep_us=int(keep_seconds * 1_000_000),
            nonce=secrets.randbits(63),
        )
        if not answer:
            return None
        wanted, more, switched, handed_us, *files = answer
        pairs = list(zip(files[::2], files[1::2], strict=True))
        return Step(wanted, bool(more), bool(switched), int(handed_us), pairs)

    def handed(self, tenant: str, most: int) -> list[tuple[str, int]]:
        """(media id, when) of files that were handed out and have no vectors yet, those of longest ago first."""
        key = self._keys.generation_missing(tenant)
        found = self._redis.zrangebyscore(key, "(0", "+inf", 0, most, withscores=True)
        return [(media_id, int(at)) for media_id, at in found]

    def settle(self, tenant: str, wanted: str, media_id: str, handed_us: int, failed: str = "") -> bool:
        """A file that was handed out got no vectors: it never will, as ``failed`` says, or is handed out again.

        False when it is not handed out any more.
        """
        return bool(
            self._settle(
                self._redis,
                prefix=self._keys.prefix,
                tenant=tenant,
                wanted=wanted,
                media_id=media_id,
                handed=handed_us,
                failed=failed,
            )
        )

    # everybody's -------------------------------------------------------------------------------------------------

    def standing(self, tenant: str, own: str) -> Standing:
        """One round trip where there is nothing but the generation ``own``, else two. Raises redis' errors."""
        with self._redis.pipeline(transaction=False) as reads:
            reads.hmget(self._keys.generation(tenant), "active", "wanted", "walked_at")
            reads.smembers(self._keys.vector_models(tenant))
            (active, wanted, walked_at), models = reads.execute()
        if models <= {own} and active in (None, own):
            return Standing(active, frozenset(models))
        counts = self._counts(tenant, [*models, wanted or ""])
        lacking = counts["missing"] + counts["failed"]
        total = max([lacking + counts.get(wanted or "", 0), *(counts[each] for each in models)], default=0)
        settled = bool(walked_at) and active == wanted and not lacking
        return Standing(active, frozenset(models), total, lacking, settled)

    def location(self, name: str) -> str:
        """Where the model of a generation is, as workers say; empty for the bundled one, and when nobody has said."""
        found: str | None = self._redis.hget(self._keys.generations(), name)
        return found.partition(" ")[2] if found else ""

    def in_use(self) -> set[str]:
        """Those that any tenant has vectors of."""
        with self._redis.pipeline(transaction=False) as reads:
            for tenant in self._redis.smembers(self._keys.tenants()):
                reads.smembers(self._keys.vector_models(tenant))
            return set().union(*reads.execute())

    def progress(self, tenant: str) -> Progress:
        """Raises ``Unavailable``."""
        with redis_errors():
            with self._redis.pipeline(transaction=True) as reads:
                reads.hgetall(self._keys.generation(tenant))
                reads.smembers(self._keys.vector_models(tenant))
                reads.zcount(self._keys.generation_missing(tenant), "(0", "+inf")
                reads.hscan(self._keys.generation_failed(tenant), count=_NAMED)
                reads.time()
                state, models, tasks, (_, failed), (seconds, micros) = reads.execute()
            names = sorted({*models, *(state[each] for each in ("active", "wanted") if each in state)})
            counts = self._counts(tenant, names)
        return _progress(state, names, counts, tasks, failed, seconds * 1_000_000 + micros)

    def _counts(self, tenant: str, models: Sequence[str]) -> dict[str, int]:
        """Files of each model, and those ``missing`` and ``failed``, of one moment."""
        with self._redis.pipeline(transaction=True) as reads:
            reads.zcard(self._keys.generation_missing(tenant))
            reads.hlen(self._keys.generation_failed(tenant))
            for model in models:
                reads.hlen(self._keys.vectors(tenant, model))
            return dict(zip(["missing", "failed", *models], reads.execute(), strict=True))


def _progress(
    state: Mapping[str, str],
    names: Sequence[str],
    counts: Mapping[str, int],
    tasks: int,
    failed: Mapping[str, str],
    now_us: int,
) -> Progress:
    active, wanted = state.get("active"), state.get("wanted")
    done, missing = counts.get(wanted or "", 0), counts["missing"]
    made, since = int(state.get("made", 0)), int(state.get("since", now_us))
    estimate = missing * (now_us - since) / 1e6 / made if made and missing else None
    return Progress(
        active=active,
        next=wanted if wanted != active else None,
        since=_time(state.get("since")),
        switched_at=_time(state.get("switched_at")),
        total=done + missing + counts["failed"],
        done=done,
        missing=missing,
        failed=counts["failed"],
        tasks=tasks,
        counted="walked_at" in state and "walk" not in state,
        estimate=0.0 if not missing and wanted == active else estimate,
        failures=[{"entity_id": each, "error": why} for each, why in sorted(failed.items())[:_NAMED]],
        generations=[_generation(name, counts[name], active, wanted, state) for name in names],
    )


def _generation(name: str, files: int, active: str | None, wanted: str | None, state: Mapping[str, Any]) -> Generation:
    kind = "active" if name == active else "next" if name == wanted else "kept"
    return Generation(name, files, kind, _time(state.get(f"left:{name}")) if kind == "kept" else None)


def _time(micros: str | None) -> str | None:
    return to_rfc3339(int(float(micros))) if micros else None
