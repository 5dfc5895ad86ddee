"""Guards the parts of the process manager on a clock of the test's own: when it starts again, when it gives up, how it
ends what does not want to end, and that no line of output is torn or lost."""

import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.clock import Clock
from scripts.formation import groups
from scripts.formation.credentials import keep
from scripts.formation.manager import Manager
from scripts.formation.output import Lines, Printer
from scripts.formation.process import Process
from scripts.formation.restarts import Restarts
from scripts.formation.watcher import groups_left

Manage = Callable[..., int]


class Turned(Clock):
    """A clock that goes on by ``step`` seconds at every look, and otherwise as the test turns it."""

    def __init__(self) -> None:
        self.now = self.step = 0.0

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


class Watched:
    """What the manager told its watcher."""

    def __init__(self) -> None:
        self.groups: set[int] = set()

    def add(self, group: int) -> None:
        self.groups.add(group)

    def remove(self, group: int) -> None:
        self.groups.discard(group)


@pytest.fixture
def out() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def manage(out: io.BytesIO, watched: Watched, clock: Turned) -> Manage:
    """Runs commands by name until the manager gives up or ``look`` has it stop; returns its exit status."""

    def run(look: Callable[[list[Process]], None] = lambda _: None, **commands: str) -> int:
        printer = Printer(list(commands), out, coloured=False)
        processes = [Process(name, command, os.environ, printer) for name, command in commands.items()]

        def tick() -> None:
            clock.now = max([clock.now, *(process.due for process in processes if process.due)])
            look(processes)

        return Manager(processes, printer, watched, tick, clock).run()  # type: ignore[arg-type]

    return run


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


class TestRestarts:
    def test_at_once_then_after_one_two_and_four_seconds(self) -> None:
        restarts = Restarts()
        assert [restarts.after_death(now) for now in (0, 1, 3, 6, 11)] == [0, 1, 2, 4, 4]

    def test_gives_up_at_the_tenth_death_in_a_minute(self) -> None:
        restarts = Restarts()
        assert None not in [restarts.after_death(now) for now in range(9)]
        assert restarts.after_death(59.9) is None

    def test_forgets_deaths_after_a_minute(self) -> None:
        restarts = Restarts()
        delays = [restarts.after_death(7.0 * number) for number in range(100)]
        assert None not in delays
        assert restarts.after_death(7.0 * 99 + 60) == 0


class TestManager:
    def test_gives_up_loudly_after_ten_deaths(self, manage: Manage, out: io.BytesIO) -> None:
        assert manage(worker="echo last words; exit 3") == 1
        text = out.getvalue().decode()
        assert text.count("worker | last words") == 10
        assert text.count("worker died (exit status 3); starting it again") == 9
        assert "worker died 10 times within a minute (last: exit status 3) and is not started again" in text
        assert "run    |     last words" in text

    def test_the_rest_goes_on_when_one_is_given_up(self, manage: Manage, out: io.BytesIO) -> None:
        def stop_after_giving_up(processes: list[Process]) -> None:
            if processes[0].given_up and processes[1].running:
                stop()

        assert manage(stop_after_giving_up, worker="sh -c 'exit 3'", web="sleep 1000") == 0
        assert "web died" not in out.getvalue().decode()

    def test_what_does_not_end_is_killed(self, manage: Manage, watched: Watched, clock: Turned, tmp_path: Path) -> None:
        started = tmp_path / "started"
        stubborn = f"trap '' TERM; touch {started}; while true; do sleep 1000; done"
        groups_seen: set[int] = set()

        def stop_when_started(_: list[Process]) -> None:
            if started.exists():
                groups_seen.update(watched.groups)
                clock.step = 1.0
                stop()

        assert manage(stop_when_started, web=stubborn) == 0
        assert len(groups_seen) == 1
        assert watched.groups == set()

    def test_the_last_lines_are_shown_even_unfinished(self, manage: Manage, out: io.BytesIO) -> None:
        script = (
            "import signal,sys; signal.signal(15, lambda *_: (print('bye', end=''), sys.exit())); print('up', flush=1)"
        )

        def stop_when_up(_: list[Process]) -> None:
            if b"up" in out.getvalue():
                stop()

        manage(stop_when_up, web=f'{sys.executable} -c "{script}\nsignal.pause()"')
        assert out.getvalue().endswith(b"web | bye\n")


class TestOutput:
    def test_lines_come_whole(self) -> None:
        lines = Lines()
        assert [lines.feed(part) for part in (b"a", b"b\nc", b"", b"")] == [[], [b"ab"], [b"c"], []]

    def test_a_line_without_end_is_not_remembered_for_ever(self) -> None:
        lines = Lines()
        assert sum(len(line) for _ in range(5) for line in lines.feed(b"x" * 65536)) >= 3 * 65536

    def test_bytes_that_are_no_text_pass(self, out: io.BytesIO) -> None:
        Printer(["web"], out, coloured=False, time_of_day=lambda: "12:00:01").line("web", b"\xff\xfe")
        assert out.getvalue() == b"12:00:01 web | \xff\xfe\n"


def test_the_watcher_ends_what_was_added_and_not_removed() -> None:
    assert groups_left(["+1\n", "+22\n", "-1\n", "+333\n"]) == {22, 333}
    assert not groups.send(2**22 + 1, 0)


def test_an_empty_secret_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch()
    secret = keep(path)
    assert len(secret) == 32
    assert keep(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
