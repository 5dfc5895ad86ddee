"""Handlers that tests run in real worker children.

``act`` does what its payload says: ``{"act": name of a function below, "args": {...}}``. Each start and each end of a
run is a line of JSON in the file that ``EFFECTS`` names: the outside world, as it were, by which tests count what
really happened.
"""

import asyncio
import ctypes
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from functools import reduce
from pathlib import Path
from typing import Any

from imageio_ffmpeg import get_ffmpeg_exe

from broker.context import TaskContext
from broker.errors import PermanentError, Postpone, TransientError

#: Longer than any test: a process that is still there after it was forgotten, not killed.
_EVER = "1000"
_kept: list[bytearray] = []


def noop(context: TaskContext) -> dict[str, Any]:
    return {"n": context.payload.get("n")}


def act(context: TaskContext) -> Any:
    effect(context, "start")
    answer = ACTS[context.payload["act"]](context, **context.payload.get("args", {}))
    effect(context, "end")
    return answer


def effect(context: TaskContext, what: str, **more: Any) -> None:
    """One line in the effects file; appended by one write, so that lines of several processes stay whole."""
    if path := os.environ.get("EFFECTS"):
        line = {"task": context.task_id, "attempt": context.attempt, "what": what, "pid": os.getpid(),
                "at": time.monotonic(), **more}  # fmt: skip
        with open(path, "ab", buffering=0) as file:
            file.write(json.dumps(line).encode() + b"\n")


# work that takes a while ----------------------------------------------------------------------------------------------


def answer(_: TaskContext, value: Any = None, until: str = "") -> Any:
    """``until`` is for those it is worked on together with (`tests.handlers_together`)."""
    return value


def sleep(_: TaskContext, seconds: float) -> dict[str, Any]:
    time.sleep(seconds)
    return {}


def hold(context: TaskContext, path: str, first_only: bool = False) -> dict[str, Any]:
    """Goes on until the test makes the file; with ``first_only`` later attempts need none."""
    while not Path(path).exists() and not (first_only and context.attempt > 1):
        time.sleep(0.02)
    return {"attempt": context.attempt}


def tell(context: TaskContext, percent: float, stage: str, path: str) -> dict[str, Any]:
    """Tells its progress and holds."""
    context.progress(percent, stage)
    return hold(context, path)


def burn(_: TaskContext, seconds: float) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        hashlib.sha256(bytes(65536)).digest()
    return {}


# work that will not stop ----------------------------------------------------------------------------------------------


def swallow(_: TaskContext) -> None:
    """Thinks that a broad ``except`` keeps it going."""
    while True:
        try:
            time.sleep(60)
        except Exception:
            continue


def deaf(_: TaskContext) -> None:
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue


def take_alarm(_: TaskContext) -> None:
    """Leaves its process deaf to the alarm clock, as a library may that has a use of its own for it."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


def hang_in_c(_: TaskContext) -> None:
    """Locks a mutex twice: a wait in C that no signal ends."""
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


# work that talks ------------------------------------------------------------------------------------------------------


def say(context: TaskContext, lines: list[str], path: str = "", number: int = 0, secret: str = "") -> dict[str, Any]:
    """Logs each line, waits for the file if there is one, and dies by the signal or ends."""
    context.conceal([secret])
    for line in lines:
        context.log.info(line)
    if path:
        hold(context, path)
    if number:
        os.kill(os.getpid(), number)
        signal.pause()
    return {}


def print_all(_: TaskContext) -> dict[str, Any]:
    """All ways of saying something but one's own logger."""
    print("printed", "words")
    print("to stderr", file=sys.stderr)
    logging.getLogger("some.library").warning("from a %s", "library")
    try:
        raise ValueError("bad value")
    except ValueError:
        logging.exception("it went wrong")
    thread = threading.Thread(target=print, args=("in a thread",))
    thread.start()
    thread.join()
    print("no end of line", end="")
    return {}


def flood(context: TaskContext, lines: int) -> dict[str, Any]:
    began = time.monotonic()
    for number in range(lines):
        context.log.info("line %d", number)
    return {"seconds": time.monotonic() - began}


# work that kills its process ------------------------------------------------------------------------------------------


def die(_: TaskContext, number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def leave(_: TaskContext, status: int) -> None:
    os._exit(status)


def segfault(_: TaskContext) -> None:
    ctypes.string_at(0)


def devour(_: TaskContext) -> None:
    """Takes memory until the kernel objects."""
    while True:
        _kept.append(bytearray(os.urandom(4096)) * 2048)


def crowd(context: TaskContext) -> None:
    """Makes processes until the kernel objects, and dies of it."""
    try:
        while True:
            subprocess.Popen(["sleep", _EVER])
    except OSError:
        effect(context, "spawned")
        os.abort()


def die_once(context: TaskContext) -> dict[str, Any]:
    if context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"attempt": context.attempt}


# work with processes of its own ---------------------------------------------------------------------------------------


def encode(context: TaskContext, path: str) -> Any:
    """Cooldowns while a program runs, which is not to end before."""
    process = context.popen(["sleep", _EVER])
    effect(context, "spawned", pids=[process.pid])
    while not Path(path).exists():
        if process.poll() is not None:
            raise TransientError(f"the program ended with {process.returncode}")
        time.sleep(0.02)
    return {}


def film(context: TaskContext, seconds: float) -> Any:
    """Encodes a test picture with the real ffmpeg, as fast as it would be shown."""
    picture = f"testsrc=duration={seconds:.3f}:size=160x120:rate=10"
    process = context.popen([get_ffmpeg_exe(), "-v", "error", "-re", "-f", "lavfi", "-i", picture, "-f", "null", "-"])
    effect(context, "spawned", pids=[process.pid])
    if status := process.wait():
        raise TransientError(f"ffmpeg ended with {status}")
    return {}


def spawn(context: TaskContext, path: str, plain: bool = False, deaf: bool = False) -> Any:
    """Cooldowns while a program runs that has started another; ends them when it comes to its end itself."""
    argv = ["sh", "-c", f"sleep {_EVER} & echo $!; wait"]
    process = (subprocess.Popen if plain else context.popen)(argv, stdout=subprocess.PIPE)
    assert process.stdout is not None
    pids = [process.pid, int(process.stdout.readline())]
    effect(context, "spawned", pids=pids)
    if deaf:
        hang_in_c(context)
    held = hold(context, path)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return held


def fork_bomb(context: TaskContext, depth: int) -> None:
    """A tree of 2^depth processes that do not end, and a handler that does not either."""
    bomb = f"f() {{ if [ $1 -gt 0 ]; then f $(($1-1)) & f $(($1-1)) & fi; exec sleep {_EVER}; }}; f {depth}"
    subprocess.Popen(["sh", "-c", bomb])
    effect(context, "spawned")
    hang_in_c(context)


def swell(_: TaskContext, mib: int) -> dict[str, Any]:
    """Leaves its process larger than it found it."""
    _kept.append(bytearray(os.urandom(4096)) * (mib * 256))
    return {"pid": os.getpid()}


def work(context: TaskContext, seconds: float, mib: int, end: str = "", plain: bool = False) -> dict[str, Any]:
    """Has a program use processor time and memory, and ends in another way if told to."""
    program = f"import time\nkept = bytearray({mib} << 20)\nwhile time.process_time() < {seconds}: pass"
    process = (subprocess.Popen if plain else context.popen)([sys.executable, "-c", program])
    process.wait()
    if end == "fail":
        raise PermanentError("no luck")
    if end == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "deaf":
        effect(context, "worked")
        hang_in_c(context)
    return {}


# outcomes -------------------------------------------------------------------------------------------------------------


def fail(_: TaskContext, kind: str, message: str = "no luck") -> None:
    raise {
        "permanent": PermanentError,
        "transient": TransientError,
        "value": ValueError,
        "cancelled": asyncio.CancelledError,
        "interrupt": KeyboardInterrupt,
        "exit": SystemExit,
    }[kind](message)


def flaky(context: TaskContext, failures: int) -> dict[str, Any]:
    """Fails so many times before it works."""
    if context.attempt <= failures:
        raise TransientError(f"failure {context.attempt}")
    return {"attempt": context.attempt}


def await_file(context: TaskContext, path: str) -> dict[str, Any]:
    """Waits for the test to make the file, holding no worker meanwhile."""
    context.remember("looks", (context.recall("looks") or 0) + 1)
    if not Path(path).exists():
        raise Postpone(0.05)
    return {"looks": context.recall("looks")}


def strange(_: TaskContext, kind: str) -> Any:
    """An answer that is not JSON, or not for long."""
    loop: list[Any] = []
    loop.append(loop)
    return {
        "set": {1, 2},
        "bytes": b"\0",
        "nan": float("nan"),
        "surrogate": "caf\udce9",
        "loop": loop,
        "deep": reduce(lambda inner, _: {"a": inner}, range(982), {}),
        "huge": "x" * 2_000_000,
        "wide": "\N{GRINNING FACE}" * 300_000,
    }[kind]


def unreadable(_: TaskContext) -> None:
    """Names a file as the file system does, in bytes that are no text."""
    raise ValueError("cannot read caf\udce9.mp4")


# what a context offers ------------------------------------------------------------------------------------------------


def count_up(context: TaskContext) -> dict[str, Any]:
    """Counts its attempts by what it remembers, and works at the third."""
    seen = (context.recall("seen") or 0) + 1
    context.remember("seen", seen)
    if seen < 3:
        raise TransientError(f"seen {seen}")
    return {"seen": seen}


def pour(context: TaskContext, path: str) -> Any:
    """Its program writes one file after another into the scratch folder."""
    context.popen(["/bin/sh", "-c", "n=0; while :; do n=$((n+1)); echo x > $n; done"], cwd=context.scratch)
    while not any(context.scratch.iterdir()):
        time.sleep(0.01)
    effect(context, "scratch", folder=str(context.scratch))
    return hold(context, path)


def litter(context: TaskContext, path: str) -> Any:
    (context.scratch / "large.tmp").write_bytes(b"x" * 1000)
    effect(context, "scratch", folder=str(context.scratch))
    return hold(context, path)


def learn(context: TaskContext, media_id: str, info: dict[str, Any], failing: bool = False) -> dict[str, Any]:
    """Attaches what it learnt, and may fail all the same."""
    before = context.media(media_id).info
    context.attach(media_id, **info)
    if failing:
        raise PermanentError("learnt, but in vain")
    return {"before": before}


ACTS = {
    each.__name__: each
    for each in (
        answer, sleep, hold, tell, burn, swallow, deaf, take_alarm, hang_in_c, die, leave, devour, crowd, segfault,
        die_once, encode, film, spawn, fork_bomb, swell, work, fail, flaky, await_file, strange, unreadable, count_up,
        litter, pour, learn, say, print_all, flood,
    )
}  # fmt: skip
