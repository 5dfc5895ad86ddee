"""One run of one task inside a child: the context that the handler gets, and how its end is read."""

import json
import logging
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from uuid import NAMESPACE_DNS, uuid5

from broker.broker import Broker
from broker.context import Handler
from broker.engine.store import Claimed
from broker.errors import NotFound, PermanentError, Postpone, TaskBrokerError, TaskTimeout, TransientError, wait_asked
from broker.media.records import MediaRecord, info_fields
from broker.media.storage import Storage
from broker.media.vectors import VectorStore
from broker.scratch import Scratch
from broker.secrets.encryption import secret_keys
from broker.secrets.links import SignedLinks, source_of
from broker.tasks import backoff, stored_json
from broker.worker import processes
from broker.worker.slate import Slate

log = logging.getLogger(__name__)

#: Bytes of JSON that a handler may answer; what is larger belongs into storage.
MAX_RESULT = 1_048_576
_MAX_MESSAGE, _MAX_TRACEBACK = 500, 8_000


class Completed(NamedTuple):
    """The handler's answer as JSON, and what it learnt about a media file."""

    result: bytes
    media_id: str = ""
    info: tuple[str, ...] = ()


class Failed(NamedTuple):
    """One line for people, the traceback for RQ's tools, and the pause before the next try (None: there is none)."""

    message: str
    traceback: str
    delay_us: int | None


class Postponed(NamedTuple):
    """The handler waits for somebody else, and its task runs again after so long."""

    delay_us: int


#: How a run ended.
Outcome = Completed | Failed | Postponed


class RunContext:
    """The worker's ``TaskContext``; see there for what handlers may expect."""

    def __init__(self, broker: Broker, slate: Slate, claimed: Claimed, execution: str, deadline: float) -> None:
        self.task_id = claimed.id
        self.tenant = claimed.tenant
        self.payload: dict[str, Any] = stored_json.decode(claimed.payload)
        self.attempt = claimed.runs
        self.log = log
        self.attached: dict[str, dict[str, Any]] = {}
        self._broker = broker
        self._slate = slate
        self._execution = execution
        self._deadline = deadline
        self._memo: dict[str, Any] = stored_json.decode(claimed.memo) if claimed.memo else {}
        self._scratch: Scratch | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def storage(self) -> Storage:
        return self._broker.storage

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
            return self._broker.media.get(self.tenant, media_id)
        except NotFound as error:
            raise PermanentError(f"There is no media file {media_id} (any more).") from error

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

    def progress(self, percent: float, stage: str = "") -> None:
        bounded = round(min(100.0, max(0.0, percent)), 1)
        told = stage[:100].encode("utf-8", "replace").decode()  # a file's name may be no Unicode
        self._slate.write_progress(json.dumps({"percent": bounded, "stage": told}))

    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    def stopping(self) -> bool:
        return self._slate.stop_asked

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
        if not self._broker.store.remember(self.task_id, self._execution, memo):
            raise TransientError("This run is over: another one may have begun, which must not do the same work twice.")
        self._memo = memo

    def popen(self, argv: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        process = processes.start(argv, **options)
        self._processes.append(process)
        self._slate.write_pids([each.pid for each in self._processes])
        return process

    def kill_group(self, process: "subprocess.Popen[bytes]") -> None:
        processes.kill_group(process.pid)
        process.wait()
        self._processes.remove(process)
        self._slate.write_pids([each.pid for each in self._processes])

    def close(self) -> None:
        """Ends what the handler left behind."""
        for process in list(self._processes):
            self.kill_group(process)
        if self._scratch is not None:
            self._scratch.close()


def _time_is_up(_signal: int, _frame: FrameType | None) -> None:
    raise TaskTimeout


def execute(handler: Callable[[], Handler], context: RunContext, timeout: float, retry_count: int) -> Outcome:
    """Runs the handler under its timeout; whatever happens, the outcome says it."""
    if signal.getsignal(signal.SIGALRM) is not _time_is_up:  # the first run, or the handler of another has replaced it
        signal.signal(signal.SIGALRM, _time_is_up)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, timeout)
            answer = handler()(context)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return _completed(answer, context.attached)
    except TaskTimeout:
        return timed_out(timeout, retry_count)
    except Postpone as wait:
        return Postponed(int(wait.seconds * 1_000_000))
    except BaseException as error:  # some libraries raise more than Exceptions: asyncio.CancelledError
        return _failed(error, retry_count)
    finally:
        context.close()


def timed_out(timeout: float, retry_count: int) -> Failed:
    """The end of a run that took too long."""
    message = f"The task took longer than its timeout of {timeout:g} s."
    return Failed(message, message, _delay_us(None, retry_count))


def _completed(answer: Any, attached: dict[str, dict[str, Any]]) -> Completed:
    result = _json(answer, "The handler's answer")
    if len(result) > MAX_RESULT:
        raise PermanentError(f"The handler's answer has {len(result)} bytes of JSON; at most {MAX_RESULT} fit.")
    for media_id, info in attached.items():
        if info:
            _json(info, "What the handler attaches to the media file")
            return Completed(result, media_id, tuple(part for pair in info_fields(info).items() for part in pair))
    return Completed(result)


def _json(value: Any, what: str) -> bytes:
    try:
        return stored_json.encode_strictly(value)
    except (TypeError, ValueError) as error:  # also text that is not Unicode, as names of files may be
        raise PermanentError(f"{what} is not JSON that can be kept: {error}.") from error


def _failed(error: BaseException, retry_count: int) -> Failed:
    if isinstance(error, TaskBrokerError):
        text, retryable = error.message, error.retryable
    else:
        text, retryable = f"{type(error).__name__}: {error}", True
    line = " ".join(text.split())[:_MAX_MESSAGE].encode("utf-8", "replace").decode()
    trace = "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]
    return Failed(line, trace, _delay_us(error, retry_count) if retryable else None)


def _delay_us(error: BaseException | None, retry_count: int) -> int:
    return int(max(wait_asked(error), backoff.delay(retry_count)) * 1_000_000)
