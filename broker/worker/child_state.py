"""The shared between a supervisor and one child: shared memory in which the child writes what it is doing.

The child never waits for its supervisor and sends it nothing; the supervisor reads when it beats, and when the child
has died the memory still says what it was doing. A sequence number that is odd while the child writes keeps reads
whole.
"""

import mmap
import struct
from collections.abc import Sequence
from typing import NamedTuple

_SIZE = 4096
_STOP = struct.Struct("B")
_SEQ = struct.Struct("I")
_RUN = struct.Struct("64s 36s 64s 64s I d d I d ? 64s")
_END = struct.Struct("? 64s")  # how _RUN ends
_PROGRESS = struct.Struct("1400s")
_PIDS = struct.Struct("16i")
_TRACE = struct.Struct("192s")
_MEMBERS = struct.Struct("I" + 32 * "36s")

_SEQ_AT, _RUN_AT, _PROGRESS_AT, _PIDS_AT = 8, 16, 512, 2048
#: Where the two marks of the log stand among numbers of their size, each a run's serial number and a line's.
_LOGGED, _LOGGED_BY_CHILD = 320, 321
_TRACE_AT, _MEMBERS_AT = 2624, 2816
#: Where the sequence number is among numbers of its size.
_SEQ_INDEX = _SEQ_AT // _SEQ.size
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
    #: Seconds of processor time that the child and its ended programs had used when the run began.
    cpu: float = 0.0
    #: The handler has returned and the outcome is on its way to Redis.
    ending: bool = False
    #: The execution under which the child takes its next task while it reports the end of this one.
    next_execution: str = ""
    #: What is known of the request that submitted the task, as it is stored with it; the beginning of that.
    trace: str = ""


class ChildState:
    """What one child is doing. Made before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self._numbers = memoryview(self._memory).cast("I")
        self._marks = memoryview(self._memory).cast("Q")
        self._seq = 0

    # the child writes -------------------------------------------------------------------------------------------

    def write(self, run: Run) -> None:
        """Replaces what the child is at, and forgets the progress of the run before."""
        execution, task_id, type_name, tenant, attempt, started, deadline, retry_count, cpu, ending, following, _ = run
        done = self._begin()
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
            cpu,
            ending,
            following.encode(),
        )
        self._memory[_PROGRESS_AT] = 0
        self._numbers[_SEQ_INDEX] = done

    def write_end(self, next_execution: str) -> None:
        """The run is ``ending`` from now on; the child takes its next task under ``next_execution``."""
        done = self._begin()
        _END.pack_into(self._memory, _END_AT, True, next_execution.encode())
        self._numbers[_SEQ_INDEX] = done

    def write_trace(self, text: str) -> None:
        """What belongs to the run that is written next; it stays until it is written anew."""
        _TRACE.pack_into(self._memory, _TRACE_AT, text.encode()[: _TRACE.size])

    def write_progress(self, text: str) -> None:
        """JSON of at most 1,400 bytes, enough for 100 characters of any script; longer text is ignored."""
        data = text.encode()
        if len(data) <= _PROGRESS.size:
            done = self._begin()
            _PROGRESS.pack_into(self._memory, _PROGRESS_AT, data)
            self._numbers[_SEQ_INDEX] = done

    def write_pids(self, pids: list[int]) -> None:
        """Process groups that the handler has started; at most sixteen are remembered."""
        padded = (pids + [0] * 16)[:16]
        done = self._begin()
        _PIDS.pack_into(self._memory, _PIDS_AT, *padded)
        self._numbers[_SEQ_INDEX] = done

    def write_members(self, task_ids: Sequence[str]) -> None:
        """The tasks that are worked on together with the run's, ``""`` for one that is only asked for."""
        padded = [each.encode() for each in task_ids] + [b""] * (32 - len(task_ids))
        done = self._begin()
        _MEMBERS.pack_into(self._memory, _MEMBERS_AT, len(task_ids), *padded)
        self._numbers[_SEQ_INDEX] = done

    def note_logged_by_child(self, run: int, line: int) -> None:
        """The child has written to Redis itself what this run has said, up to this line."""
        self._marks[_LOGGED_BY_CHILD] = run << 32 | line

    def logged(self) -> tuple[int, int]:
        """The run and line up to which the supervisor has written to Redis what was said."""
        return divmod(self._marks[_LOGGED], 1 << 32)

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
            trace = _TRACE.unpack_from(self._memory, _TRACE_AT)[0]
            if before % 2 == 0 and before == _SEQ.unpack_from(self._memory, _SEQ_AT)[0]:
                break  # a child that died while writing leaves an odd number: its last words are taken as they are
        run = Run._make(_text(each) if isinstance(each, bytes) else each for each in (*fields, trace))
        return run, _text(progress)

    def read_members(self) -> list[str]:
        """As the child has written them; of one that is just writing, maybe of the batch before or after."""
        count, *task_ids = _MEMBERS.unpack_from(self._memory, _MEMBERS_AT)
        return [_text(each) for each in task_ids[:count]]

    def note_logged(self, run: int, line: int) -> None:
        """The supervisor has written to Redis what this run has said, up to this line."""
        self._marks[_LOGGED] = run << 32 | line

    def logged_by_child(self) -> tuple[int, int]:
        """The run and line up to which the child has done so."""
        return divmod(self._marks[_LOGGED_BY_CHILD], 1 << 32)

    def read_pids(self) -> list[int]:
        return [pid for pid in _PIDS.unpack_from(self._memory, _PIDS_AT) if pid > 0]

    # ------------------------------------------------------------------------------------------------------------

    def _begin(self) -> int:
        """Makes the number odd; returns the even one that stands there once all is written.

        A write that a time-out has interrupted leaves it odd, until the next write ends.
        """
        self._seq = done = self._seq + 2 & 0xFFFFFFFE
        self._numbers[_SEQ_INDEX] = done - 1 & 0xFFFFFFFF
        return done


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")
