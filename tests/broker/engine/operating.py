"""Operations on the clock that the test turns, of which who asks for them does one step."""

import itertools
import uuid
from functools import partial
from typing import Any

from marshmallow import fields as schema
from redis import Redis

from broker.clock import to_rfc3339
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import Unavailable
from broker.media.records import MediaRecord, MediaStore, fields
from broker.media.storage import Storage
from broker.operations.operations import Operations
from broker.operations.reprocessing_steps import ReprocessingSteps
from broker.schema import Schema
from broker.task_type import TaskType
from broker.tasks.submission import prepare
from tests.broker.engine.engine import Engine


class _Video(Schema):
    video_id = schema.String(required=True)
    profile = schema.String()


#: The product's own is a handler's, which this part knows nothing of.
_VIDEOS = TaskType("VideoTranscoding", _Video, "tests.handlers_for_tests:noop")


def _no_storage() -> Storage:
    raise Unavailable("nobody needs it")


def put_video(redis: Redis, keys: Keys, tenant: str, us: int, **given: Any) -> str:
    """The id of a video that plays, uploaded at this microsecond; ``given`` are other fields of its record."""
    media_id = str(uuid.uuid4())
    known: dict[str, Any] = {"task_id": "t", "info": {"variants": []}, "kind": "video"} | given
    common = {"tenant": tenant, "filename": "f", "content_type": "video/mp4", "size": 1, "source_key": "s"}
    record = MediaRecord(id=media_id, created_at=to_rfc3339(us), **common, **known)
    removed = {"source_removed_at": record.source_removed_at} if record.source_removed_at else {}
    redis.hset(keys.media(media_id), mapping=fields(record) | removed)
    redis.zadd(keys.media_index(tenant, record.kind), {media_id: us})
    return media_id


def operations_of(engine: Engine, bounds: str = "0") -> Operations:
    """Each look at the clock is a second later; ``bounds`` as submit.lua takes them."""
    types = {"VideoTranscoding": _VIDEOS}
    media = MediaStore(engine.redis, engine.keys)
    steps = ReprocessingSteps(engine.store, media, partial(prepare, types), lambda: bounds)
    made = Operations(engine.redis, engine.store, _no_storage, steps, clock=itertools.count().__next__)
    made._create = Script("create_operation", clock="clock_test")
    made._cancel = Script("cancel_operation", clock="clock_test")
    return made
