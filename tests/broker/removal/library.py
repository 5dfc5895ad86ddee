"""What tests do with media: upload, make something of it, delete it, and let time pass for what waits."""

import io
import json
from typing import Any
from uuid import uuid4, uuid5

from broker.broker import Broker
from broker.daemon.remove import Remove
from broker.engine.transitions import Claim, Claimed
from broker.errors import NotFound
from broker.media import paths
from broker.media.records import MediaRecord
from broker.removal.sources import Sources
from broker.removal.tombstones import Tombstones
from broker.task import NewTask
from tests.gateway.work import complete, start
from tests.invariants import State, check_invariants, snapshot

VARIANTS = [{"name": "360p", "width": 640, "height": 360, "bandwidth": 1, "codecs": "avc1", "playlist": "360p/a.m3u8"}]


class Library:
    """Unless told otherwise, of the tenant ``acme``."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.redis, self.keys, self.storage = broker.redis, broker.keys, broker.storage

    # making -----------------------------------------------------------------------------------------------------

    def upload(self, kind: str = "video", *, tenant: str = "acme", **more: Any) -> MediaRecord:
        """A file with its record and its waiting task."""
        media_id = uuid4()
        new = {
            "video": NewTask("VideoTranscoding", {"video_id": str(media_id)}),
            "image": NewTask("EmbeddingGeneration", {"entity_type": "image", "entity_id": str(media_id)}),
        }[kind]
        task_id, key = str(uuid5(media_id, new.type)), paths.source(tenant, str(media_id))
        record = MediaRecord(
            str(media_id), tenant, kind, "file.bin", "video/mp4", 1, key, "", task_id=task_id, **more
        )  # fmt: skip
        self.put(key)
        new = NewTask(new.type, new.payload, id=task_id)
        self.broker.tasks.submit(tenant, new, media=record)
        return record

    def made(self, **more: Any) -> MediaRecord:
        """A video that was transcoded, by the only task that waits."""
        record = self.upload(**more)
        for name in ("master.m3u8", "360p/a.m3u8", "360p/00001.m4s"):
            self.put(paths.hls(record.tenant, record.id, name))
        complete(
            self.broker, {"hls_master": "hls/master.m3u8", "poster": "hls/poster.jpg"}, record.id, variants=VARIANTS
        )
        return record

    def made_of_running(self, record: MediaRecord) -> MediaRecord:
        """The same, by its task that runs."""
        lease = str(self.redis.hget(self.keys.job(record.task_id or ""), "lease"))
        idle, info = Claim("tester", "", "VideoTranscoding", 60_000_000), ("info:variants", json.dumps(VARIANTS))
        self.broker.transitions.finish(record.task_id or "", lease, "{}", idle, record.id, info)
        return record

    def plugin_task(self, record: MediaRecord, plugin: str = "checksum", **more: Any) -> str:
        """A waiting task that runs a plugin on a file."""
        payload = {"plugin_name": plugin, "media_id": record.id}
        return self.broker.tasks.submit(record.tenant, NewTask("PluginExecution", payload, **more))[0].id

    def plugin_file(self, record: MediaRecord, task_id: str, plugin: str = "checksum", name: str = "a.json") -> str:
        """What that task has made; its key."""
        return self.put(paths.plugin_file(record.tenant, record.id, plugin, task_id, name))

    def plugin_done(self, record: MediaRecord, plugin: str = "checksum") -> tuple[str, str]:
        """A plugin's completed run, the only task that waited: its id, and the key of what it has made."""
        task_id = self.plugin_task(record, plugin)
        key = self.plugin_file(record, task_id, plugin)
        files = [{"name": "a.json", "size": 1}]
        note = {f"plugin:{plugin}": {"task_id": task_id, "data": None, "files": files}}
        assert complete(self.broker, {"files": files}, record.id, **note) == task_id
        return task_id, key

    def running(self) -> tuple[Claimed, Claim]:
        """The next task, begun."""
        return start(self.broker)

    def put(self, key: str, data: bytes = b"x") -> str:
        self.storage.put(key, io.BytesIO(data))
        return key

    # removing ---------------------------------------------------------------------------------------------------

    def delete(self, record: MediaRecord) -> None:
        self.broker.media_removal.delete(record.tenant, record.kind, record.id)

    def remover(self, **parts: Any) -> Remove:
        """The daemon's chore, as it begins."""
        broker = self.broker
        found = {
            "tombstones": Tombstones(self.redis, self.keys),
            "remains": broker.remains,
            "sources": Sources(self.redis, self.keys, broker.unfinished, lambda: broker.storage),
            "lease_seconds": 5.0,
        }
        return Remove(**found | parts)

    def settle(self) -> None:
        """The daemon works, and an hour passes, until no tombstone is left."""
        for _ in range(10):
            self.remover().tick()
            if not self.redis.exists(self.keys.tombstones()):
                return
            self.pass_time(3600)
        raise AssertionError("a tombstone stays")

    def pass_time(self, seconds: float) -> None:
        """For all tombstones, and for sources that are looked at again."""
        for media_id in self.redis.zrange(self.keys.tombstones(), 0, -1):
            self.redis.zincrby(self.keys.tombstones(), -seconds * 1e6, media_id)
            self.redis.hincrby(self.keys.tombstone(media_id), "at", int(-seconds * 1e6))
        for media_id in self.redis.zrange(self.keys.sources_due(), 0, -1):
            self.redis.zincrby(self.keys.sources_due(), -seconds * 1e6, media_id)

    # looking ----------------------------------------------------------------------------------------------------

    def objects(self) -> set[str]:
        return {each.key for each in self.storage.walk()}

    def state(self) -> State:
        return snapshot(self.redis, self.keys)

    def status(self, task_id: str, tenant: str = "acme") -> str:
        return str(self.broker.tasks.get(tenant, task_id).status)

    def is_there(self, record: MediaRecord) -> bool:
        try:
            self.broker.media.get(record.tenant, record.id)
        except NotFound:
            return False
        return True

    def traces(self, record: MediaRecord) -> set[str]:
        """Keys in Redis that have to do with a file, but for those of tasks that named it; and its stored objects."""
        state = check_invariants(self.redis, self.keys)
        found = {key for key, value in state.values.items() if record.id in key or record.id in str(value)}
        for key in [
            *self.redis.keys(self.keys.vectors("*", "*")),
            *self.redis.keys(self.keys.vector_parts("*", "*")),
        ]:
            found |= {key} if self.redis.hexists(key, record.id) else set()
        tasks = {key for key in found if key.startswith(self.keys.job(""))}
        return found - tasks | {key for key in self.objects() if record.id in key}
