"""A small world of tasks and workers: what it begins with, and what its inhabitants know beside what lies in Redis."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from broker.engine.keys import Keys
from broker.levels import queue_name

PREFIX = "rq"
KEYS = Keys(PREFIX)
TYPE = "Noop"
SECOND = 1_000_000
LEASE = 5 * SECOND
#: How far the clock goes on at once: past what is due, a lease, a sleep; two without a reap are an absence.
STEP = LEASE
GAP = 6 * SECOND
#: How long a task waits that is tried again or looks again.
DELAY = SECOND
#: Deaths after which a task fails.
MAX_CRASHES = 2
LONGEST_SLEEP = 5 * SECOND
TOKEN = 10**9


@dataclass(frozen=True)
class TaskSpec:
    id: str
    tenant: str
    level: int = 0
    delay: int = 0
    group: str = ""
    unique: str = ""
    #: The task that has to end first.
    after: str = ""
    #: Microseconds from its submission in which a run of it has to begin.
    deadline: int = 0
    max_retries: int = 1

    @property
    def queue(self) -> str:
        return queue_name(TYPE, self.level)


@dataclass(frozen=True)
class World:
    """``operations`` names what may be done; the numbers, how often in one history."""

    name: str
    tasks: tuple[TaskSpec, ...]
    operations: frozenset[str]
    workers: int = 2
    #: Starts per 1,000 seconds, or None.
    rate: int | None = None
    burst: int = 1
    concurrency: int | None = None
    losses: int = 0
    deaths: int = 0
    steps_back: int = 0
    foreign_acts: int = 0
    changes: int = 0

    def spec(self, task_id: str) -> TaskSpec:
        return next(spec for spec in self.tasks if spec.id == task_id)


class Hand(NamedTuple):
    """A worker as it sees itself.

    ``free``, ``busy``, ``unsure`` (its call has no answer yet), ``left`` (it stopped; another may come) or ``dead``.
    """

    mode: str = "free"
    task: str = ""
    execution: str = ""
    #: Until this moment of its own clock it sleeps, unless it is woken; 0 when it is awake.
    until: int = 0


class Step(NamedTuple):
    """One thing that may happen in a state."""

    label: str
    #: A script and its arguments by name; '' for what changes nothing in Redis.
    script: str = ""
    values: dict[str, Any] = {}  # noqa: RUF012
    #: What is true from now on, whoever hears of the answer: the judge's books.
    happened: "Callable[[Env, Any], Env]" = lambda env, _: env
    #: What its caller knows when the answer has come.
    learned: "Callable[[Env, Any], Env]" = lambda env, _: env
    #: The number of the worker that calls, or None.
    worker: int | None = None
    #: It will happen again and again as long as somebody lives: what must end, must end by such steps alone.
    fair: bool = False
    #: Its answer may be lost; then it is called again.
    repeats: bool = False
    #: What RQ's own tools or the reconciler do, over connections of their own.
    act: Callable[[Any], Any] | None = None
    #: Commands that come before it, unless it is a repetition.
    first: tuple[tuple[str, str], ...] = ()


class Lost(NamedTuple):
    """A call whose answer was lost on its way."""

    step: Step
    answer: Any


class Env(NamedTuple):
    """Everything that is not in Redis."""

    #: Microseconds, of the server and of the workers' own clocks, which are never set back.
    now: int
    mono: int
    hands: tuple[Hand, ...]
    lost: Lost | None = None
    #: Tasks that were accepted, and those that their owner or a foreign hand has removed.
    accepted: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    #: The execution that was granted last, by task.
    granted: frozenset[tuple[str, str]] = frozenset()
    #: Nano-tokens of a bucket of the judge's own.
    level: int = 0
    #: What may still happen.
    losses: int = 0
    deaths: int = 0
    steps_back: int = 0
    foreign_acts: int = 0
    changes: int = 0
    #: A foreign hand was here and the reconciler has not put everything right.
    dirty: bool = False
    #: A worker that is dead was woken: the task that it was woken for waits for the next reap.
    unheard: bool = False
    #: (tenant, level) that came with nothing waiting or running and wait, and who has started before them since.
    came: frozenset[tuple[str, int]] = frozenset()
    passed: frozenset[tuple[str, int, str]] = frozenset()
    #: Calls that were made, so that the next gets an id of its own.
    calls: int = 0

    def with_hand(self, worker: int, hand: Hand) -> "Env":
        return self._replace(hands=(*self.hands[:worker], hand, *self.hands[worker + 1 :]))


@dataclass(frozen=True)
class Node:
    """One state: Redis, and everything else."""

    values: dict[str, Any]
    payloads: dict[str, bytes]
    env: Env
    #: What is derived of it on the way.
    memo: dict[str, Any] = field(default_factory=dict, compare=False)

    def task(self, task_id: str) -> dict[str, str]:
        """Its hash, empty when there is none."""
        return self.values.get(KEYS.job(task_id), {})

    def waiting(self, queue: str) -> list[str]:
        return self.values.get(KEYS.rq_queue(queue), [])

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)


def name_of(worker: int) -> str:
    return f"w{worker + 1}"


def granted(answer: Any) -> str | None:
    """The task of a grant as scripts answer it, or None."""
    return str(answer[1].decode()) if answer[0] == 1 else None


def is_awake(node: Node, worker: int) -> bool:
    """Will it ask for work without anybody's doing?"""
    hand, name = node.env.hands[worker], name_of(worker)
    if hand.mode == "free":
        asleep = name in node.get(KEYS.idle(TYPE), ())
        return not asleep or hand.until <= node.env.mono or KEYS.wake(name) in node.values
    return hand.mode == "unsure"
