"""Guards the memory that a child and its supervisor share: what is read is whole, whatever has interrupted a write."""

from collections.abc import Callable

import pytest

from broker.worker import child_state
from broker.worker.child_state import ChildState, Run

RUN = Run("x1", "t-1", "Noop", "acme", 2, 1.5, 9.5, 1)


class _Struck(Exception):
    pass


@pytest.mark.parametrize(
    "write",
    [lambda state: state.write_progress("{}"), lambda state: state.write_pids([7]), lambda state: state.write(RUN)],
)
def test_a_write_that_was_interrupted_spoils_no_later_one(
    write: Callable[[ChildState], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's time may be up in the middle of it."""

    class Striking:
        size = 1400

        def pack_into(self, *_: object) -> None:
            raise _Struck

    state = ChildState()
    with monkeypatch.context() as struck:
        for name in ("_RUN", "_PROGRESS", "_PIDS"):
            struck.setattr(child_state, name, Striking())
        with pytest.raises(_Struck):
            write(state)
    assert _seen_while_written(state, monkeypatch) % 2 == 1
    assert state.read()[0] == RUN
    assert _sequence(state) % 2 == 0


def _sequence(state: ChildState) -> int:
    return child_state._SEQ.unpack_from(state._memory, child_state._SEQ_AT)[0]


def _seen_while_written(state: ChildState, monkeypatch: pytest.MonkeyPatch) -> int:
    """Writes a run; the sequence number that a supervisor would find in the middle of it."""
    seen = []

    class Looking:
        def pack_into(self, *arguments: object) -> None:
            seen.append(_sequence(state))
            run_struct.pack_into(*arguments)

    run_struct = child_state._RUN
    with monkeypatch.context() as looked:
        looked.setattr(child_state, "_RUN", Looking())
        state.write(RUN)
    return seen[0]
