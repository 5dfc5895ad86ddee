"""The shared between a supervisor and one child: shared memory in which the child writes what it is doing.

The child never waits for its supervisor and sends it nothing; the supervisor reads when it beats, and when the child
has died the memory still says what it was doing. A sequence number that is odd while the child writes keeps reads
whole.
"""

import mmap
import struct
from typing import NamedTuple

_SIZE = 4096
_STOP = struct.Struct("B")
_SEQ = struct.Struct("I")
_RUN = struct.Struct("64s 36s 64s 64s I d d I ? 64s")
_END = struct.Struct("? 64s")  # how _RUN ends
_PROGRESS = struct.Struct("1400s")
_PIDS = struct.Struct("16i")

_SEQ_AT, _RUN_AT, _PROGRESS_AT, _PIDS_AT = 8, 16, 512, 2048
_END_AT = _RUN_AT + _RUN.size - _END.size


class Run(NamedTuple):
    """What a child is at. Without a task it is asking for one under ``execution`` (or at rest when that is empty)."""

    execution: str = ""
    task_id: str = ""
    type: str = ""
    tenant: str = ""
    attempt: int = 0
    #: Monotonic seconds, on the machine's clock. A child that has worked leaves a start, without a task, when it ends.
    started: float = 0.0
    deadline: float = 0.0
    retry_count: int = 0
    #: The handler has returned and the outcome is on its way to Redis.
    ending: bool = False
    #: The execution under which the child takes its next task while it reports the end of this one.
    next_execution: str = ""


class ChildState:
    """What one child is doing. Made before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self._seq = 0

    # the child writes -------------------------------------------------------------------------------------------

    def write(self, run: Run) -> None:
        """Replaces what the child is at, and forgets the progress of the run before."""
        execution, task_id, type_name, tenant, attempt, started, deadline, retry_count, ending, following = run
        self._open()
        _RUN.pack_into(
            self._memory,
            _RUN_AT,
            execution.encode(),
            task_id.encode(),
            type_name.encode(),
            tenant.encode(),
            attempt,
            started,
            deadline,
            retry_count,
            ending,
            following.encode(),
        )
        self._memory[_PROGRESS_AT] = 0
        self._close()

    def write_end(self, next_execution: str) -> None:
        """The run is ``ending`` from now on; the child takes its next task under ``next_execution``."""
        self._open()
        _END.pack_into(self._memory, _END_AT, True, next_execution.encode())
        self._close()

    def write_progress(self, text: str) -> None:
        """JSON of at most 1,400 bytes, enough for 100 characters of any script; longer text is ignored."""
        data = text.encode()
        if len(data) <= _PROGRESS.size:
            self._open()
            _PROGRESS.pack_into(self._memory, _PROGRESS_AT, data)
            self._close()

    def write_pids(self, pids: list[int]) -> None:
        """Process groups that the handler has started; at most sixteen are remembered."""
        padded = (pids + [0] * 16)[:16]
        self._open()
        _PIDS.pack_into(self._memory, _PIDS_AT, *padded)
        self._close()

    @property
    def stop_asked(self) -> bool:
        """The supervisor wants this child to end after its present task."""
        return self._memory[0] != 0

    # the supervisor reads ---------------------------------------------------------------------------------------

    def ask_to_stop(self) -> None:
        _STOP.pack_into(self._memory, 0, 1)

    def read(self) -> tuple[Run, str]:
        """What the child is at and its progress as JSON or ''."""
        for _ in range(1000):
            before = _SEQ.unpack_from(self._memory, _SEQ_AT)[0]
            fields = _RUN.unpack_from(self._memory, _RUN_AT)
            progress = _PROGRESS.unpack_from(self._memory, _PROGRESS_AT)[0]
            if before % 2 == 0 and before == _SEQ.unpack_from(self._memory, _SEQ_AT)[0]:
                break  # a child that died while writing leaves an odd number: its last words are taken as they are
        run = Run._make(_text(each) if isinstance(each, bytes) else each for each in fields)
        return run, _text(progress)

    def read_pids(self) -> list[int]:
        return [pid for pid in _PIDS.unpack_from(self._memory, _PIDS_AT) if pid > 0]

    # ------------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._seq += 1
        _SEQ.pack_into(self._memory, _SEQ_AT, self._seq & 0xFFFFFFFF)

    _close = _open


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")
