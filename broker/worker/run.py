"""One run of one task inside a child: the context that the handler gets, and how its end is read."""

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn
from uuid import NAMESPACE_DNS, uuid5

from msgspec.structs import replace

from broker.broker import Broker
from broker.context import Handler
from broker.engine.transitions import Claimed
from broker.errors import NotFound, PermanentError, TaskBrokerError, TransientError
from broker.media.records import MediaRecord, info_fields
from broker.media.storage import Storage
from broker.media.vectors import VectorStore
from broker.scratch import Scratch
from broker.secrets.encryption import secret_keys
from broker.secrets.links import SignedLinks, source_of
from broker.task import NewTask
from broker.tasks import stored_json
from broker.tasks.installed_types import load_types
from broker.tasks.submission import prepare
from broker.webhooks.events import PLAYABLE
from broker.worker import alarm, outcome, processes
from broker.worker.child_state import ChildState
from broker.worker.fetched import fetch
from broker.worker.meter import NOTHING, Measured
from broker.worker.metered import MeteredStorage
from broker.worker.outcome import Outcome
from broker.worker.shared_work import OVER, Run, RunSharedWork

log = logging.getLogger(__name__)
_all_types = cache(lambda: load_types(os.environ))
#: What handlers say.
of_handlers = logging.getLogger("handler")


class RunContext:
    """The worker's ``TaskContext``; see there for what handlers may expect."""

    def __init__(
        self,
        broker: Broker,
        shared: ChildState,
        claimed: Claimed,
        execution: str,
        deadline: float,
        conceal: Callable[[Iterable[str]], None] = lambda _: None,
    ) -> None:
        self.task_id = claimed.id
        self.tenant = claimed.tenant
        self.attempt = claimed.runs
        self._type = claimed.queue.partition(":")[0]
        self.log = of_handlers
        self.conceal = conceal
        self.attached: dict[str, dict[str, Any]] = {}
        #: Records that were read just before the run, for whoever asks first.
        self.known_media: dict[str, MediaRecord] = {}
        self._spoilt = ""
        self.payload = self._stored("payload", claimed.payload)
        self._memo = self._stored("memo", claimed.memo) if claimed.memo else {}
        self._broker = broker
        self._shared = shared
        self._execution = execution
        self._deadline = deadline
        self._over = False
        self._scratch: Scratch | None = None
        self._processes: list[processes.Program] = []
        self._programs = Lock()  # which threads of one run may start and end
        self._storage: MeteredStorage | None = None
        self._peak_kib = 0
        #: Seconds of the recordings that the run was about, by media file.
        self._recordings: dict[str, float] = {}

    def check_stored(self) -> None:
        """Raises ``PermanentError`` if the payload, or what earlier runs remembered, was spoilt where it lies."""
        if self._spoilt:
            raise PermanentError(f"The task's {self._spoilt} was changed in Redis: it is no JSON object any more.")

    @property
    def storage(self) -> Storage:
        if self._storage is None:
            self._storage = MeteredStorage(self._broker.storage)
        return self._storage

    @property
    def vectors(self) -> VectorStore:
        return self._broker.vectors

    @property
    def scratch(self) -> Path:
        if self._scratch is None:
            self._scratch = Scratch()
        return self._scratch.path

    def media(self, media_id: str) -> MediaRecord:
        try:
            record = self.known_media.pop(media_id, None) or self._broker.media.get(self.tenant, media_id)
        except NotFound as error:
            raise PermanentError(f"There is no media file {media_id} (any more).") from error
        if record.fetch:
            fetch(record, self, self._broker)
            return self.media(media_id)
        if record.info.get("duration_seconds") and not self.part_of:  # else it is the lead's, whoever works on it
            self._note_recording(record.id, record.info)
        return record

    def source_url(self, media_id: str) -> str:
        settings = self._broker.settings
        if not settings.public_url or not secret_keys(settings.secret_key):
            raise PermanentError("There are no links to files: the operator has to set PUBLIC_URL and SECRET_KEY.")
        tenant_id = uuid5(NAMESPACE_DNS, self.tenant)  # as the gateway knows the tenant by
        signature = SignedLinks(settings.secret_key).sign(tenant_id, source_of(media_id))
        return f"{settings.public_url}/api/media/{media_id}/source/{signature}"

    def attach(self, media_id: str, **info: Any) -> None:
        if self.attached.keys() - {media_id}:
            raise ValueError("a run may attach to one media record only")
        self.attached.setdefault(media_id, {}).update(info)
        self._note_recording(media_id, info)

    def note(self, media_id: str, playable: bool = False, **info: Any) -> None:
        fields = [part for pair in info_fields(info).items() for part in pair]
        told = (PLAYABLE, "playable") if playable else ("", "")
        if not self._broker.transitions.note_early(self.task_id, self._execution, media_id, fields, told):
            raise TransientError(OVER)

    def follow_with(self, new: NewTask) -> None:
        try:  # with the types of all workers: this one may have been given some of them alone
            checked = prepare(_all_types(), replace(new, depends_on=[self.task_id]))
            self._broker.tasks.submit(self.tenant, checked)
        except TaskBrokerError as error:
            self.log.warning("the %s task that was to follow is not queued: %s", new.type, error.message)

    @cached_property
    def part_of(self) -> str:
        lead: Any = self._broker.redis.hget(self._broker.keys.job(self.task_id), "part_of")
        return lead or ""

    @cached_property
    def shared_work(self) -> RunSharedWork:
        kind, run = self._broker.types[self._type], Run(self.task_id, self.tenant, self._execution)
        return RunSharedWork(self._broker, kind, run, self.part_of or self.task_id)

    def measured(self) -> Measured:
        """What the run has used of what only this knows."""
        if self._storage is None and not self._recordings and not self._peak_kib:
            return NOTHING
        read, written = (self._storage.bytes_read, self._storage.bytes_written) if self._storage else (0, 0)
        return Measured(sum(self._recordings.values()), read, written, self._peak_kib)

    def progress(self, percent: float, stage: str = "") -> None:
        if self._over:  # a thread that outlived its run: the shared is the next one's
            return
        bounded = round(min(100.0, max(0.0, percent)), 1)
        told = stage[:100].encode("utf-8", "replace").decode()  # a file's name may be no Unicode
        self._shared.write_progress(json.dumps({"percent": bounded, "stage": told}))

    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    def stopping(self) -> bool:
        return self._shared.stop_asked

    def others_wait(self) -> bool:
        redis, keys = self._broker.redis, self._broker.keys
        ready: Any = redis.zrange(keys.ready(), 0, -1, withscores=True)
        queues = [queue for queue, level in ready if level >= 0 and queue.partition(":")[0] == self._type]
        # One of which the last was taken counts as ready until the next claim.
        return bool(queues and redis.exists(*map(keys.rq_queue, queues)))

    def plugin_config(self, plugin: str) -> dict[str, Any] | None:
        return self._broker.plugin_configs.read(self.tenant, plugin)

    def start_cooldown(self, name: str, seconds: float) -> None:
        self._broker.cooldowns.start(name, seconds)

    def cooldown(self, name: str) -> float:
        return self._broker.cooldowns.left(name)

    def recall(self, key: str) -> Any:
        return self._memo.get(key)

    def remember(self, key: str, value: Any) -> None:
        memo = {**self._memo, key: value}
        stored_json.encode_strictly(memo)
        if not self._broker.transitions.remember(self.task_id, self._execution, memo):
            raise TransientError(OVER)
        self._memo = memo

    def popen(self, argv: list[str], **options: Any) -> processes.Program:
        if self._over:
            raise TransientError("This run is over: nobody would end the program.")
        process = processes.start(argv, **options)
        with self._programs:
            self._processes.append(process)
            self._shared.write_pids([each.pid for each in self._processes])
        return process

    def kill_group(self, process: "subprocess.Popen[bytes]") -> None:
        processes.kill_group(process.pid)
        process.wait()
        self._peak_kib = max(self._peak_kib, getattr(process, "peak_kib", 0))
        with self._programs:
            self._processes = [each for each in self._processes if each is not process]
            self._shared.write_pids([each.pid for each in self._processes])

    def _note_recording(self, media_id: str, info: Mapping[str, Any]) -> None:
        seconds = info.get("duration_seconds")
        if isinstance(seconds, (int, float)) and seconds > 0:
            self._recordings[media_id] = float(seconds)

    def _stored(self, field: str, text: str) -> dict[str, Any]:
        try:
            found = stored_json.decode(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        self._spoilt = field
        return {}

    def close(self) -> None:
        """Ends what the handler left behind."""
        self._over = True
        for process in list(self._processes):
            self.kill_group(process)
        if self._scratch is not None:
            self._scratch.close()


def execute(
    handler: Callable[[], Handler],
    context: RunContext,
    timeout: float,
    retry_count: int,
    before: tuple[float, Callable[[], None]] | None = None,
) -> Outcome:
    """Runs the handler under its timeout; whatever happens, the outcome says it. ``before`` as in ``alarm.start``."""
    process = os.getpid()
    try:
        try:
            alarm.start(timeout, before)
            context.check_stored()
            answer = handler()(context)
        finally:
            if os.getpid() != process:
                end_copy(process)
            alarm.stop()
        return outcome.completed(answer, context.attached)
    except BaseException as error:  # some libraries raise more than Exceptions: asyncio.CancelledError
        alarm.stop()  # it may have rung before it was stopped
        return outcome.raised(error, timeout, retry_count)
    finally:
        try:
            context.close()
        except Exception:
            log.exception("what a task left behind could not be ended")


def end_copy(process: int) -> NoReturn:
    """Ends this process at once, which is a copy that a handler's ``fork`` has made.

    It has come back into the worker's code, where nobody watches it, and would do everything a second time.
    """
    log.warning("a copy of process %d, made by a task that forked, came back from its handler: ended", process)
    os._exit(1)
