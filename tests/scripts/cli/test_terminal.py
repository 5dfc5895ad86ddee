"""How it looks: on wide and narrow terminals, without colours, with bars; and how little is loaded to begin."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import asdict

import click
import pytest

from broker.broker import Broker
from broker.search.found import Found, Hit, Place
from scripts.cli.failure import Usage
from scripts.cli.main import SECTIONS, mindia
from scripts.cli.table import Column, cells, cut, lines
from scripts.cli.words import by, clean, duration, seconds_in, since
from tests.gateway.served import PATIENCE
from tests.gateway.work import complete, fail
from tests.scripts.cli.conftest import ROOT, Mindia, Start
from tests.scripts.cli.test_search import found
from tests.scripts.cli.test_tasks import submit
from tests.search_fixtures import searching

_COLUMNS = [Column("ID"), Column("AGE", right=True), Column("DETAIL")]
_ROWS = [("one", "5s", "a long story about what went wrong"), ("three", "1m 20s", "")]
OnTerminal = Callable[..., "tuple[subprocess.Popen[str], int]"]


@pytest.fixture
def on_terminal(start: Start) -> Iterator[OnTerminal]:
    """Starts the program on a terminal of so many columns; answers it and the terminal's other end."""
    ends: list[int] = []

    def begin(columns: int, *arguments: object) -> "tuple[subprocess.Popen[str], int]":
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        ends.append(ours)
        return process, ours

    yield begin
    for end in ends:
        os.close(end)


def read_until(end: int, text: str = "") -> str:
    """What is shown up to ``text``, or to the end."""
    shown = ""
    while not text or text not in shown:
        try:
            piece = os.read(end, 65536).decode(errors="replace")
        except OSError:  # the program has gone
            break
        if not piece:
            break
        shown += piece
    return shown


def test_columns_side_by_side_below_and_downwards() -> None:
    assert list(lines(_COLUMNS, _ROWS, 80)) == [
        "\x1b[2mID\x1b[0m        \x1b[2mAGE\x1b[0m  \x1b[2mDETAIL\x1b[0m",
        "one        5s  a long story about what went wrong",
        "three  1m 20s",
    ]
    assert list(lines(_COLUMNS, _ROWS, 40))[1] == "one        5s  a long story about what …"
    assert list(lines(_COLUMNS, _ROWS, 20))[1:3] == ["one        5s", "  a long story about what went wrong"]
    assert [click.unstyle(each) for each in lines(_COLUMNS, _ROWS, 10)] == [
        "one",
        "  age 5s",
        "  detail a long story about what went wrong",
        "three",
        "  age 1m 20s",
    ]


#: A hit of each kind: its name, what it is, its best place, and how that is told.
HITS = [
    (
        "A very long name of a film about insects, flowers and elephants in the garden behind the house.mp4",
        *("video", Place("label", 0.5, "cliff, butcher shop", [], start=15.0), "0:15, shows: cliff, butcher shop"),
    ),
    ("bells.mp3", "audio", Place("name", 0.5, "bells", [[0, 5]]), "its name"),
    (
        *("notes.pdf", "document"),
        Place(
            "passage", 0.5, f"{'So much before. ' * 9}The ferry to Crete{' leaves at nine.' * 9}", [[148, 153]], page=7
        ),
        "page 7, says: …before. So much before. The ferry to Crete leaves at nine. lea…",
    ),
]


def test_hits_of_every_kind_fit_a_terminal(on_terminal: OnTerminal, mindia: Mindia, broker: Broker) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(len(HITS))]
    hits = [
        Hit(kind, media_id, name, 0.5, 0.9, places=[asdict(place)])
        for media_id, (name, kind, place, _) in zip(ids, HITS, strict=True)
    ]
    with searching(broker.search_server, lambda _: Found(hits, len(hits), None)):
        found(mindia, "ferry")
        whole = mindia("search", "ferry").out
        _, end = on_terminal(80, "search", "ferry")
        first, *rows = click.unstyle(read_until(end)).splitlines()
    assert first.split() == ["RELEVANCE", "ID", "KIND"]
    assert rows == [
        line
        for media_id, (name, kind, _, where) in zip(ids, HITS, strict=True)
        for line in (f"     0.90  {media_id}  {kind}", f"  {name}", f"  {where}")
    ]
    assert f"The ferry to Crete{' leaves at nine.' * 9}" in whole  # nothing is cut where nobody looks


def test_wide_and_combining_characters_are_measured() -> None:
    assert [cells(text) for text in ("日本", "e\u0301", click.style("red", fg="red"))] == [4, 1, 3]
    assert cut("日本語", 5) == "日本…"


def test_no_line_is_wider_than_the_terminal(on_terminal: OnTerminal, broker: Broker) -> None:
    submit(broker)
    fail(broker, "the disk is full, and has been for longer than anybody can remember, which is why this is so long")
    for columns, word in ((100, "queues"), (80, "list"), (80, "failures")):
        process, end = on_terminal(columns, word)
        shown = [click.unstyle(each) for each in read_until(end).splitlines()]
        assert process.wait(PATIENCE) == 0
        rows = [each for each in shown if not each.startswith(("  ", "! "))]  # what goes below, and warnings, may wrap
        assert max(map(cells, rows)) <= columns, f"{word} at {columns}"


def test_colours_only_where_they_are_wanted(on_terminal: OnTerminal, broker: Broker, environ: dict[str, str]) -> None:
    submit(broker)
    environ["TERM"] = "xterm-256color"
    assert "\x1b[33mpending" in read_until(on_terminal(100, "list")[1])
    environ["NO_COLOR"] = "1"
    assert "\x1b" not in read_until(on_terminal(100, "list")[1])
    del environ["NO_COLOR"]
    environ["TERM"] = "dumb"
    assert "\x1b" not in read_until(on_terminal(100, "watch", "--timeout", "1s")[1])


def test_bars_that_leave_the_terminal_as_it_was(
    on_terminal: OnTerminal, broker: Broker, environ: dict[str, str]
) -> None:
    environ["TERM"] = "xterm-256color"
    task_id = submit(broker)
    process, end = on_terminal(100, "watch", task_id)
    assert "━" in read_until(end, "━")
    complete(broker)
    rest = read_until(end)
    assert process.wait(PATIENCE) == 0
    assert re.search(rf"{task_id}.*completed", click.unstyle(rest))
    assert rest.rindex("\x1b[?25h") > rest.rfind("\x1b[?25l")


def test_ctrl_c_on_bars(on_terminal: OnTerminal, broker: Broker, environ: dict[str, str]) -> None:
    environ["TERM"] = "xterm-256color"
    process, end = on_terminal(100, "watch", submit(broker))
    read_until(end, "━")
    process.send_signal(2)
    rest = read_until(end)
    assert process.wait(PATIENCE) == 130
    assert "the task goes on" in rest
    assert "\x1b[?25h" in rest
    assert "Traceback" not in rest


def test_a_question_is_asked_and_heeded(on_terminal: OnTerminal, broker: Broker) -> None:
    task_id = submit(broker)
    process, end = on_terminal(100, "cancel", "--status", "pending")
    assert "Cancel 1 task? [y/N]" in read_until(end, "[y/N]")
    os.write(end, b"n\n")
    read_until(end)
    assert process.wait(PATIENCE) == 130
    assert broker.tasks.get("ops", task_id).status == "pending"


def test_help_loads_neither_http_nor_bars() -> None:
    listing = "import sys; from scripts.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert not {"requests", "urllib3", "rich", "broker", "flask", "redis"} & loaded


def test_a_list_loads_neither_bars_nor_this_project(environ: dict[str, str]) -> None:
    command = "import sys; from scripts.cli.main import run; run(['list', '-q']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "requests" in loaded
    assert not {"rich", "broker", "gateway", "handlers", "flask", "redis", "marshmallow"} & loaded


def test_the_list_of_commands_says_what_they_say_themselves() -> None:
    with click.Context(mindia) as context:
        for section in SECTIONS.values():
            for name, (_, words) in section.items():
                command = mindia.get_command(context, name)
                assert command
                assert command.name == name
                assert command.short_help == words


def test_durations_both_ways() -> None:
    told = {0: "0s", 0.0042: "4ms", 1.55: "1.6s", 12.4: "12s", 200: "3m 20s", 7500: "2h 5m", 349200: "4d 1h", -3: "0s"}
    assert {seconds: duration(seconds) for seconds in told} == told
    assert [seconds_in(text) for text in ("90", "1h30m", "0.5s", "2d")] == [90, 5400, 0.5, 172800]


@pytest.mark.parametrize("text", ["9999999d", f"{'9' * 400}s"])
def test_a_time_that_no_calendar_has_is_refused(text: str) -> None:
    for told in (since, by):
        with pytest.raises(Usage, match="too far from now"):
            told(text)


def test_what_a_terminal_would_obey_is_spelled() -> None:
    assert clean("a\x1b[31mb\u202ec\nd\x7f") == "a\\x1b[31mb\\u202ec d\\x7f"
