"""Watching from the terminal: to the end, through lost connections, up to a time, until Ctrl-C."""

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from broker.broker import Broker
from scripts.cli.api import Api
from scripts.cli.events import Event, Say, parse
from scripts.cli.watching import Task
from tests.gateway.media import PNG
from tests.gateway.served import PATIENCE
from tests.gateway.work import complete, fail
from tests.gateway.work import start as claim
from tests.scripts.cli.conftest import Mindia, Start, time_is_over
from tests.scripts.cli.test_tasks import submit
from tests.servers import own_port
from tests.waiting import wait_until


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


def test_what_has_ended_is_told_at_once(mindia: Mindia, broker: Broker) -> None:
    submit(broker)
    done = complete(broker)
    submit(broker)
    bad = fail(broker, "the disk is full")
    assert mindia("watch", done).out.startswith(f"{done}  VideoTranscoding  completed in ")
    said = mindia("watch", done, bad)
    assert said.status == 1
    assert said.out.splitlines()[1].endswith(": the disk is full")


def test_a_line_for_each_change(start: Start, broker: Broker) -> None:
    task_id = submit(broker)
    process = start("watch", task_id)
    assert line(process) == f"{task_id}  VideoTranscoding  pending  No worker listens to VideoTranscoding."
    claimed, claiming = claim(broker)
    assert line(process) == f"{task_id}  VideoTranscoding  processing"
    broker.transitions.fail(claimed.id, claiming.execution, "no more", "", None, claiming._replace(execution=""))
    assert ": no more" in line(process)
    assert process.wait(PATIENCE) == 1


def test_many_at_once_and_each_change_as_json(start: Start, broker: Broker) -> None:
    ids = [submit(broker), submit(broker)]
    process = start("watch", *ids, "--json")
    assert {json.loads(line(process))["id"] for _ in ids} == set(ids)
    complete(broker)
    complete(broker)
    assert process.stdout
    told = [json.loads(each) for each in process.stdout]
    assert process.wait(PATIENCE) == 0
    assert {each["id"] for each in told if each["status"] == "completed"} == set(ids)


def test_submit_and_wait(start: Start, broker: Broker) -> None:
    process = start("submit", "VideoTranscoding", "video_id=550e8400-e29b-41d4-a716-446655440000", "--wait")
    assert "pending" in line(process)
    complete(broker)
    assert process.wait(PATIENCE) == 0


def test_submit_and_wait_is_one_document_however_much_happens(mindia: Mindia, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("submit", "VideoTranscoding", "video_id=550e8400-e29b-41d4-a716-446655440000", "--wait", "--json")
    given_up = mindia(*words, "--timeout", "0.5")
    assert (json.loads(given_up.out)["status"], given_up.status) == ("pending", 124)

    monkeypatch.setattr("scripts.cli.result.follow", time_is_over)
    given_up = mindia(*words, "--timeout", "9")
    assert (json.loads(given_up.out)["status"], given_up.status) == ("pending", 124)
    given_up = mindia(*words[:-1], "--timeout", "9")
    assert (given_up.out.split()[1:], given_up.status) == (["VideoTranscoding", "pending"], 124)

    def changes(_: Api, ids: list[str], __: Say) -> Iterator[Task]:
        for status in ("pending", "processing", "processing", "completed"):
            yield {"id": ids[0], "status": status, "progress": None}

    monkeypatch.setattr("scripts.cli.result.follow", changes)
    said = mindia(*words)
    assert (json.loads(said.out)["status"], said.status) == ("completed", 0)


def test_upload_and_wait_is_one_document_for_each_file(start: Start, broker: Broker, tmp_path: Path) -> None:
    still, empty, other = tmp_path / "a.png", tmp_path / "empty.pdf", tmp_path / "c.png"
    still.write_bytes(PNG)
    empty.touch()
    other.write_bytes(PNG)
    process = start("upload", still, empty, other, "--wait", "--json")
    wait_until(lambda: broker.tasks.page("ops").total == 2, "two tasks")
    complete(broker)
    complete(broker)
    out, err = process.communicate(timeout=PATIENCE)
    assert [(each["filename"], each["status"]) for each in map(json.loads, out.splitlines())] == [
        ("a.png", "completed"),
        ("c.png", "completed"),
    ]
    assert process.returncode == 2  # the first failure, that of the empty file; the others were waited for
    refusal = json.loads(err)
    assert (refusal["file"], refusal["status"]) == (str(empty), 422)


def test_what_is_refused_of_many_files_is_named(mindia: Mindia, tmp_path: Path) -> None:
    still, empty = tmp_path / "a.png", tmp_path / "empty.pdf"
    still.write_bytes(PNG)
    empty.touch()
    said = mindia("upload", still, empty, tmp_path / "none.png")
    assert said.err.splitlines()[1:] == [
        f"error: {empty}: The file is empty.",
        f"error: {tmp_path / 'none.png'} cannot be read (No such file or directory).",
    ]


def test_upload_and_wait_names_the_file_of_a_failure(start: Start, broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    process = start("upload", tmp_path / "a.png", "--wait")
    wait_until(lambda: broker.tasks.page("ops").total == 1, "a task")
    fail(broker, "It is damaged.")
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.splitlines()[-1].endswith(": a.png: It is damaged.")


def test_without_a_task_there_is_nothing_to_wait_for(mindia: Mindia, tmp_path: Path) -> None:
    still = tmp_path / "a.png"
    still.write_bytes(PNG)
    said = mindia("upload", still, "--no-embed", "--wait", "--timeout", "9s", "--json")
    assert (said.status, json.loads(said.out)["task_id"]) == (0, None)


def test_a_limit_on_the_wait(start: Start, broker: Broker) -> None:
    process = start("watch", submit(broker), "--timeout", "1.5")
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (124, "error: Not ended after 1.5s; what runs goes on.\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_watching_alone(start: Start, broker: Broker, number: int, status: int) -> None:
    task_id = submit(broker)
    process = start("watch", task_id)
    line(process)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    assert "Traceback" not in err
    assert broker.tasks.get("ops", task_id).status == "pending"


class Wire:
    """Brings connections to another port, until it is cut; mended, it is at the same address as before."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = own_port()
        self.mend()

    def mend(self) -> None:
        self._ends: list[socket.socket] = [socket.create_server(("127.0.0.1", self.port))]
        threading.Thread(target=self._accept, args=[self._ends[0]], daemon=True).start()

    def cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was cut
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def until_completed(process: "subprocess.Popen[str]") -> None:
    """It may be told of the run's begin, too, when it has looked between that and its end."""
    while "completed" not in (said := line(process)):
        assert "processing" in said


def test_a_gateway_that_comes_back_is_gone_on_with(environ: dict[str, str], start: Start, broker: Broker) -> None:
    wire = Wire(int(environ["MINDIA_URL"].rpartition(":")[2]))
    environ["MINDIA_URL"] = f"http://127.0.0.1:{wire.port}"
    ids = [submit(broker), submit(broker)]
    process = start("watch", *ids)
    try:
        assert {"pending" in line(process) for _ in ids} == {True}
        wire.cut()
        complete(broker)  # while nobody can tell
        wire.mend()
        until_completed(process)
        complete(broker)
        until_completed(process)
        assert process.wait(PATIENCE) == 0
    finally:
        wire.cut()


def test_without_ids_whatever_happens(start: Start, broker: Broker) -> None:
    process = start("watch", stderr=subprocess.PIPE)
    assert process.stderr
    assert process.stderr.readline() == "Watching all tasks; Ctrl-C stops.\n"
    deadline = time.monotonic() + PATIENCE
    while not broker.redis.hkeys(broker.keys.listeners()):  # it has connected
        assert time.monotonic() < deadline
    task_id = submit(broker)
    assert line(process) == f"{task_id}  VideoTranscoding  pending"
    claimed, claiming = claim(broker)
    assert line(process) == f"{task_id}  VideoTranscoding  processing"
    idle = claiming._replace(execution="")
    broker.transitions.fail(claimed.id, claiming.execution, "no more", "", None, idle)
    assert re.fullmatch(rf"{task_id}  VideoTranscoding  failed in \S+: no more", line(process))


def test_a_reader_that_leaves_is_no_error(start: Start, broker: Broker) -> None:
    for _ in range(3):
        submit(broker)
    process = start("list", "--all", "--json")
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    assert process.wait(PATIENCE) == 141


def test_events_are_read_however_they_are_cut() -> None:
    text = b'retry: 1500\n\n:\n\nid: 7-0\nevent: status\ndata: {"a":\ndata: 1}\n\r\nevent: cut\ndata: {}'
    pauses: list[int] = []
    for size in (1, 2, 5, 100):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert list(parse(pieces, pauses.append)) == [Event("beat"), Event("status", {"a": 1}, "7-0")]
    assert pauses == [1500] * 4
