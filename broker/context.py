"""What a handler sees of the system while it runs one task."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple, Protocol, runtime_checkable

from broker.media.records import MediaRecord
from broker.media.storage import Storage
from broker.media.vectors import VectorStore
from broker.task import NewTask


class Taken(NamedTuple):
    """The parts of a shared work that a run has now, and how many others make."""

    parts: list[str]
    held: int


class SharedWork(Protocol):
    """Parts of the work of one task, its lead, which runs of others may make: each part is one run's at a time.

    A part is a run's until it says that the part is made, or its run is over, however that ends: then another run may
    have it, which makes it from its beginning. What the lead itself has begun, no other run is given. All this is gone
    when the lead has ended, and so are the tasks that help it. Methods raise ``TransientError`` when this run is over.
    """

    def offer(self, work: str, parts: Sequence[str], helpers: int) -> None:
        """As the lead, tell which parts there are, and have so many tasks help with them.

        Those are of the lead's type, tenant, group and payload and wait in the background: they begin when nothing
        else that waits could, which may be never. ``work`` tells what is made of what; where that is not what an
        earlier run has told, what was known of its parts is forgotten.
        """

    def take(self, work: str, most: int = 1) -> Taken:
        """Have the next parts, in the order of their names, that nobody makes or has made; those that one has count."""

    def is_made(self, part: str) -> None:
        """What this run has made can be used. Nothing follows from that where the part is another's by now."""

    def give_back(self, part: str) -> None:
        """Let others have it."""

    def made(self) -> set[str]:
        """The parts that are made."""

    def any_left(self) -> bool:
        """Whether there may be a part that nobody has begun."""


class TaskContext(Protocol):
    """One run of one task. Handlers get exactly this and know no Redis, no queue and no other tenant."""

    task_id: str
    #: Name of the tenant the task belongs to; always from the task, never from its payload.
    tenant: str
    payload: dict[str, Any]
    #: 1 for the first run of the task, 2 for the second, whatever ended the first.
    attempt: int
    #: What is said here, to any other logger, or printed, is in the log of the worker with the task's id, and told to
    #: the task's owner (``GET /api/tasks/{id}/logs``). A line has at most some 3,700 bytes.
    log: logging.Logger

    @property
    def storage(self) -> Storage:
        """Where media bytes live; keys of the tenant begin with ``<tenant>/<media id>/``."""

    @property
    def vectors(self) -> VectorStore:
        """Where vectors for search are kept."""

    @property
    def scratch(self) -> Path:
        """An empty folder of this run's own, removed when it ends."""

    def media(self, media_id: str) -> MediaRecord:
        """The tenant's media record; raises ``PermanentError`` when it does not exist (any more)."""

    def source_url(self, media_id: str) -> str:
        """A link to the uploaded file that opens without a key, for a day; ``PermanentError`` without settings."""

    def attach(self, media_id: str, **info: Any) -> None:
        """Merge ``info`` into the record's info, in the same transaction that completes the task, or never."""

    def note(self, media_id: str, playable: bool = False, **info: Any) -> None:
        """Merge ``info`` into the record's info at once. Raises ``TransientError`` when this run is over already.

        ``playable`` tells whoever listens that the video can be played from now on.
        """

    def follow_with(self, new: NewTask) -> None:
        """Queue a task of the same tenant that begins when this one has completed, once however often this one runs.

        Where it is refused, for a quota, say, this run's log tells so, and this run goes on.
        """

    @property
    def part_of(self) -> str:
        """The task that this one helps, because a run of that has asked for it (``shared_work``); mostly none: ''."""

    @property
    def shared_work(self) -> SharedWork:
        """Of this task, or of the one that it helps."""

    def progress(self, percent: float, stage: str = "") -> None:
        """Tell how far the work is, 0 to 100. Cheap: call it as often as you like."""

    def conceal(self, secrets: Iterable[str]) -> None:
        """Have these left out of whatever this run says from now on to the task's owner."""

    def seconds_left(self) -> float:
        """Seconds until the run is stopped for taking too long."""

    def stopping(self) -> bool:
        """The worker is asked to stop: what is not done in seconds is handed back and runs again elsewhere."""

    def others_wait(self) -> bool:
        """Whether tasks of the same type wait that are not in the background: one may give way to them (`Postpone`)."""

    def plugin_config(self, plugin: str) -> dict[str, Any] | None:
        """What the tenant has set for a plugin, secrets included; ``None`` when it has set nothing."""

    def start_cooldown(self, name: str, seconds: float) -> None:
        """Tell all runs that work under this name has to rest for so long."""

    def cooldown(self, name: str) -> float:
        """Seconds for which work under this name has to rest, 0 when it may go on."""

    def recall(self, key: str) -> Any:
        """What an earlier run of this task remembered under ``key``, else ``None``."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value for later runs of this task. Raises ``TransientError`` when this run is over already."""

    def popen(self, argv: list[str], **options: Any) -> Popen[bytes]:
        """Start a program that dies with the worker, in a process group of its own, deaf to the worker's signals.

        End it by ``kill_group``. ``options`` go to ``subprocess.Popen``. A process that was started otherwise and is
        still there after the run, or a thread that is no daemon, costs the worker process its life.
        """

    def kill_group(self, process: "Popen[bytes]") -> None:
        """SIGKILL the whole group of a program started by ``popen`` and reap it."""


class Batch(Protocol):
    """How several tasks of a type are worked on together: what a task type's ``batch`` names.

    Each goes through ``prepare`` and ``finish`` by itself, where what it says and raises is its own: so one that fails,
    fails alone. What ``compute`` raises, or takes longer than a run may, is nobody's fault: all of them are run alone
    then, by the type's handler. Neither starts programs (``popen``), and progress is told of none.
    """

    def joins(self, payload: dict[str, Any]) -> bool:
        """Whether it may gain by others; called before anything is taken with it."""

    def prepare(self, context: TaskContext) -> Any:
        """All that comes before the common work; ``None`` for a task that is better run alone."""

    def compute(self, prepared: list[Any]) -> list[Any]:
        """What each comes to, in their order."""

    def finish(self, context: TaskContext, prepared: Any, computed: Any) -> dict[str, Any]:
        """All that comes after; the task's ``result``."""


@runtime_checkable
class OfMedia(Protocol):
    """What a ``Batch`` is, too, whose runs begin with the record of a media file: those of all are read at once."""

    def media_of(self, payload: dict[str, Any]) -> str:
        """The id of the file that ``prepare`` asks for. It may raise anything for a payload that is not as agreed."""


#: What a task type's ``handler`` names. Its answer is the task's ``result``: JSON values.
Handler = Callable[[TaskContext], dict[str, Any]]
