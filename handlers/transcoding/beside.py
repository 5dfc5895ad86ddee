"""Work beside other work of the same run: a thread that runs programs in a scratch folder of its own."""

from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from threading import Thread
from typing import Any, Generic, TypeVar, cast

from broker.context import TaskContext
from broker.errors import TransientError

T = TypeVar("T")


class Beside(Generic[T]):
    """Runs one function in a thread."""

    def __init__(self, context: TaskContext, name: str, work: Callable[[TaskContext], T]) -> None:
        """``work`` gets the run's context with the folder ``name`` of the scratch folder as its scratch folder."""
        self._room = Room(context, context.scratch / name)
        self._work = work
        self._answer: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def answer(self) -> T:
        """What the function has answered, once it has ended. Raises what it has raised."""
        if self._error is not None:
            raise self._error
        return self._answer[0]

    def stop(self) -> None:
        """End it, and its programs, before it is done."""
        self._room.close()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._answer.append(self._work(cast(TaskContext, self._room)))
        except BaseException as error:  # for whoever asks for the answer
            self._error = error


class Room:
    """A run's context, but for the scratch folder."""

    def __init__(self, context: TaskContext, scratch: Path) -> None:
        self._context = context
        self._processes: list[Popen[bytes]] = []
        self._closed = False
        self.scratch = scratch
        scratch.mkdir(exist_ok=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def popen(self, argv: list[str], **options: Any) -> "Popen[bytes]":
        if self._closed:
            raise TransientError("The run is over.")
        process = self._context.popen(argv, **options)
        self._processes.append(process)
        return process

    def close(self) -> None:
        self._closed = True
        for process in self._processes:
            process.kill()
