"""The program that decodes: one for each worker child, in which all that reads untrusted media runs.

It is kept between files, because to start Python with its libraries takes longer than most pictures do, and has neither
secrets nor connections that a file could get at. Memory and processor time are limited anew for each file.

    python -m handlers.media.decoder
"""

import os
import resource
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from math import ceil
from pkgutil import resolve_name
from types import GeneratorType
from typing import Any, BinaryIO

from broker.errors import PermanentError, TransientError
from handlers.media.wire import END, FAULT, ITEM, PERMANENT, TRANSIENT, Broken, receive, send

#: What takes long to load, if it is installed: before the first file comes, and within its limits already.
_LIBRARIES = ("numpy", "handlers.media.opening", "handlers.media.pictures")
_TRACEBACK = 4_000


def main() -> None:
    """Serve until the worker child is gone."""
    requests, answers = _pipes()
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(kind, (0, 0))
    for library in _LIBRARIES:
        with suppress(ImportError):
            import_module(library)
    with suppress(Broken):
        while True:
            function, arguments, memory, seconds, patience = receive(requests)
            _confine(memory, seconds)
            signal.setitimer(signal.ITIMER_REAL, patience)  # at whose end the kernel ends this program, too
            _answer(answers, function, arguments)
            signal.setitimer(signal.ITIMER_REAL, 0)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output as they are now; what a library prints later goes nowhere."""
    pipes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    return pipes


def _confine(memory: int, seconds: float) -> None:
    """Limits for the next file. At that of the processor time the kernel ends this program."""
    used = time.process_time()
    for kind, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, ceil(used + seconds))):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _answer(answers: BinaryIO, function: str, arguments: list[Any]) -> None:
    try:
        for item in _items(resolve_name(function)(*arguments)):
            send(answers, (ITEM, item), more=True)
        send(answers, (END, None))
    except MemoryError:
        send(answers, (PERMANENT, "This file needs too much memory to be decoded."))
    except PermanentError as error:
        send(answers, (PERMANENT, error.message))
    except TransientError as error:
        send(answers, (TRANSIENT, error.message))
    except Broken:
        raise
    except Exception:
        send(answers, (FAULT, traceback.format_exc()[-_TRACEBACK:]))


def _items(answer: Any) -> Iterator[Any]:
    return answer if isinstance(answer, GeneratorType) else iter((answer,))


if __name__ == "__main__":
    main()
