"""Stored objects that nobody can use: of uploads that died before they had a record, and of runs that did not complete.

An object is judged by what Redis knows of it, and only when it has lain unchanged for long: an upload stores its bytes
some moments before its record, and a run its files before it completes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis import Redis

from broker.clock import Clock, from_rfc3339
from broker.engine.keys import Keys
from broker.media import paths
from broker.media.paths import Place
from broker.media.records import INFO, REPLACED, STREAM
from broker.media.storage import Aged, Storage, check_key
from broker.plugin import NOTE
from broker.removal import log
from broker.removal.tombstones import Tombstones
from broker.removal.unfinished_tasks import Unfinished
from broker.status import RQ_STATUS, TERMINAL, Status
from broker.tasks import stored_json

#: Seconds for which an object has lain unchanged, on the storage's own clock. With the pauses of whoever looks, what is
#: left behind is found within the hour.
AGE = 25 * 60.0
_MADE = f"{INFO}variants"
#: What RQ calls tasks whose files nobody can reach: those that have ended, but not well.
_IN_VAIN = {RQ_STATUS[status] for status in TERMINAL - {Status.COMPLETED}}

_File = tuple[str, str]


class Orphans:
    """On one Redis client with ``decode_responses=True``. Its errors pass through."""

    def __init__(
        self,
        redis: "Redis",
        keys: Keys,
        tombstones: Tombstones,
        unfinished: Unfinished,
        *,
        keep_days: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        """``keep_days``: for how long a version of a video stays that another has replaced."""
        self._keep_us = int(keep_days * 86_400 * 1_000_000)
        self._clock = clock or Clock()
        self._redis = redis
        self._keys = keys
        self._tombstones = tombstones
        self._unfinished = unfinished

    def remove(self, storage: Storage, objects: Iterable[Aged], *, alone: bool) -> None:
        """Removes those of some hundred objects that nobody can use. Raises ``Unavailable``.

        ``alone``: no other broker keeps files in this storage; else files without a record may be of its records.
        """
        old = _places(each.key for each in objects if each.seconds >= AGE)
        of_tenant: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for (tenant, media_id), keys in self._unused(old).items():
            if keys:
                of_tenant[tenant][media_id] = keys
            elif alone and self._tombstones.add_for_orphan(media_id, tenant):
                log.tell("files without a record removed", media=media_id, tenant=tenant, by="orphan")
        for tenant, unused in of_tenant.items():
            needed = self._unfinished.named(tenant, unused)
            for media_id in unused.keys() - needed:
                self._remove_unused(storage, tenant, media_id, {key: old[key] for key in unused[media_id]})

    def _remove_unused(self, storage: Storage, tenant: str, media_id: str, objects: Mapping[str, Place]) -> None:
        """Judges them again at the last moment: a run that begins now works for a while before it stores anything."""
        keys = self._unused(objects).get((tenant, media_id), [])
        if keys:
            storage.delete_keys(keys)
            log.tell("unused files removed", media=media_id, tenant=tenant, by="orphan", files=len(keys))

    def _unused(self, objects: Mapping[str, Place]) -> dict[_File, list[str]]:
        """By media file the objects that nobody can use; none of them for a file that has no record."""
        files = {(place.tenant, place.media_id) for place in objects.values()}
        records = self._records(sorted(files))
        reached = self._reached({place for place in objects.values() if place.task_id})
        noted = self._noted({place for place in objects.values() if place.note})
        replaced = self._replaced({place for place in objects.values() if place.part == paths.HLS})
        unused: dict[_File, list[str]] = defaultdict(list)
        for key, place in objects.items():
            tenant, source_removed, made, uploading = records[place.media_id]
            if tenant is None and uploading:
                continue
            if tenant is None:
                unused[place.tenant, place.media_id] = []
            elif tenant == place.tenant and (
                (place.part == paths.SOURCE and source_removed)
                or place.part == paths.WORK
                or (place.part == paths.HLS and not made)
                or place in replaced
                or (place.task_id and place not in reached)
                or (place.note and place not in noted)
            ):
                unused[place.tenant, place.media_id].append(key)
        return unused

    def _records(self, files: Sequence[_File]) -> dict[str, list[Any]]:
        with self._redis.pipeline(transaction=False) as reads:
            for _, media_id in files:
                reads.hmget(self._keys.media(media_id), "tenant", "source_removed_at", _MADE)
                reads.exists(self._keys.upload(media_id))
            rows = reads.execute()
        told = zip(files, rows[::2], rows[1::2], strict=True)
        return {media_id: [*row, uploading] for (_, media_id), row, uploading in told}

    def _replaced(self, places: set[Place]) -> set[Place]:
        """Those of versions of videos that are not opened any more: replaced long ago, or never finished."""
        ordered, now = sorted(places), self._clock.now_us()
        with self._redis.pipeline(transaction=False) as reads:
            for place in ordered:
                reads.hmget(self._keys.media(place.media_id), f"{INFO}{STREAM}", f"{INFO}{REPLACED}{place.version}")
            rows = reads.execute()
        return {
            place
            for place, (stream, at) in zip(ordered, rows, strict=True)
            if place.version != (stored_json.decode(stream) if stream else "")
            and (at is None or from_rfc3339(stored_json.decode(at)) + self._keep_us <= now)
        }

    def _noted(self, places: set[Place]) -> set[Place]:
        """Those of which their media file tells."""
        ordered = sorted(places)
        with self._redis.pipeline(transaction=False) as reads:
            for place in ordered:
                reads.hexists(self._keys.media(place.media_id), f"{INFO}{place.note}")
            answers = reads.execute()
        return {place for place, there in zip(ordered, answers, strict=True) if there}

    def _reached(self, runs: set[Place]) -> set[Place]:
        """Those of plugins' runs whose files their task shows, or may show yet, or the media file."""
        ordered = sorted(runs)
        with self._redis.pipeline(transaction=False) as reads:
            for run in ordered:
                reads.hget(self._keys.job(run.task_id), "status")
                reads.hget(self._keys.media(run.media_id), f"{INFO}{NOTE}{run.plugin}")
            answers = reads.execute()
        rows = zip(ordered, answers[::2], answers[1::2], strict=True)
        return {run for run, status, note in rows if (status and status not in _IN_VAIN) or _is_of(note, run.task_id)}


def _places(keys: Iterable[str]) -> dict[str, Place]:
    """Of the keys that are of media files; whatever else lies in the storage is not ours."""
    found = {}
    for key in keys:
        try:
            check_key(key)
            found[key] = paths.place(key)
        except ValueError:
            continue
    return found


def _is_of(note: str | None, task_id: str) -> bool:
    try:
        return bool(note) and stored_json.decode(note or "")["task_id"] == task_id
    except (ValueError, TypeError, KeyError):  # a foreign hand has spoilt it: what it is of is not known
        return True
