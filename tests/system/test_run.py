"""Guards `make run` as a person lives with it: it starts everything, keeps it alive, and leaves nothing behind.

The processes are tiny programs instead of the real ones; the embedded server is real.
"""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM

import pytest
from redis import Redis

from scripts.formation.stack import without_password
from tests.servers import own_port
from tests.system.conftest import Start
from tests.system.running import PATIENCE, REPOSITORY, Run
from tests.waiting import wait_until


def valkey(folder: Path, data: str = ".data") -> Redis:
    """A client of the embedded server."""
    home = folder / data / "valkey"
    return Redis(port=int((home / "port").read_text()), password=(home / "password").read_text(), decode_responses=True)


def gone(run: Run) -> bool:
    """Whether nothing of a run is left, its server included."""
    return not run.survivors() and run.server() is None


def test_says_where_it_is_and_how_to_get_in(start: Start, folder: Path) -> None:
    port = own_port()
    run = start(PORT=str(port))
    assert set(run.wait_until_ready()) == {"web", "worker"}
    run.signal(SIGTERM)
    assert run.wait() == 0
    assert f"http://127.0.0.1:{port}" in run.output()
    key = (folder / ".data/api_key").read_text()
    assert f'-H "Authorization: Bearer {key}" -F file=@video.mp4 http://127.0.0.1:{port}/api/videos' in run.output()
    assert "\x1b" not in run.output(), "colours belong on terminals only"


def test_a_gateway_below_a_path_is_asked_and_shown_there(start: Start, folder: Path) -> None:
    port = own_port()
    run = start(PORT=str(port), SCRIPT_NAME="/tasks")
    run.wait_until_ready()
    url = f"http://127.0.0.1:{port}/tasks"
    assert run.matches(f"gateway +{url}$")
    assert (folder / ".data/run.lock").read_text().startswith(f"{url} ")
    assert f"PUBLIC_URL={url}\n" in (folder / ".data/environment").read_text()
    run.signal(SIGTERM)
    assert run.wait() == 0


def test_the_operators_own_key_is_not_printed(start: Start) -> None:
    key = "the-operators-own-key"
    run = start(API_KEYS=f"ops:{key}")
    run.wait_until_ready()
    run.signal(SIGTERM)
    assert run.wait() == 0
    assert key not in run.output()
    assert '-H "Authorization: Bearer $KEY"' in run.output()


def test_in_json_every_line_is_an_object(start: Start) -> None:
    run = start(LOG_FORMAT="json")
    run.wait_for_line("Mindia Tasks is ready")
    run.wait_for_line("hello, PORT is None")
    run.signal(SIGTERM)
    assert run.wait() == 0
    told = [json.loads(line) for line in run.lines]
    assert {each["name"] for each in told} == {"run", "web", "worker"}
    assert all(each["time"].endswith("Z") and each["level"] in ("info", "error") for each in told)
    (ready,) = [each for each in told if "ready" in each["message"]]
    assert ready["gateway"].startswith("http://127.0.0.1:")


def test_commands_beside_it_find_its_settings_while_it_runs(start: Start, folder: Path) -> None:
    run = start(RQ_KEY_PREFIX="{beside}")
    run.wait_until_ready()
    path = folder / ".data/environment"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    environ = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    environ |= {"PYTHONPATH": str(REPOSITORY)}
    told = {}
    for command in ("rq.cli info --raw", "broker check", "broker doctor"):
        shell = f". {path}; echo $RQ_KEY_PREFIX;" if command.startswith("rq") else ""
        argv = ["sh", "-c", f"{shell} {sys.executable} -m {command}"]
        done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
        told[command] = done.stdout
        assert done.stderr == ""
    assert told["rq.cli info --raw"].startswith("{beside}\n")
    assert told["broker check"] == "ok\n"
    assert told["broker doctor"].startswith("server valkey")
    run.signal(SIGTERM)
    assert run.wait() == 0
    assert not path.exists()


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_it_listens_on_ipv6(start: Start, host: str, folder: Path) -> None:
    port = own_port()
    web = f"web: {sys.executable} -m http.server --bind ::1 --directory {folder} $PORT; echo $HOST"
    (folder / "Procfile").write_text(web + "\n")
    (folder / "readyz").touch()
    run = start(HOST=host, PORT=str(port))
    run.wait_for_line("^Ctrl-C stops everything")
    assert f"http://[::1]:{port}/api/videos" in run.output()
    run.signal(SIGTERM)
    assert run.wait() == 0


def test_web_alone_gets_the_port(start: Start) -> None:
    port = own_port()
    run = start(PORT=str(port))
    run.wait_for_line(rf"^[\d:]{{8}} web    \| web has PORT {port}$")
    run.wait_for_line(r"^[\d:]{8} worker \| hello, PORT is None$")


def test_generated_secrets_are_private_and_stay(start: Start, folder: Path) -> None:
    secrets = [folder / ".data" / name for name in ("api_key", "secret_key", "valkey/password", "valkey/valkey.conf")]
    kept = []
    for _ in range(2):
        run = start()
        run.wait_until_ready()
        run.signal(SIGTERM)
        run.wait()
        assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600] * 4
        kept.append([path.read_text() for path in secrets[:3]])
    assert kept[0] == kept[1]
    assert len(set(kept[0])) == 3


@pytest.mark.parametrize("number", [SIGINT, SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_everything_in_order(start: Start, number: int) -> None:
    run = start()
    run.wait_until_ready()
    run.wait_for_line("hello")
    run.signal(number)
    assert run.wait() == 0
    assert gone(run)
    assert run.matches(r"^[\d:]{8} worker \| good-bye$")


def test_a_killed_process_is_started_again_at_once(start: Start) -> None:
    run = start()
    pids = run.wait_until_ready()
    run.wait_for_line("hello")
    os.kill(pids["worker"], SIGKILL)
    run.wait_for_line(r"worker died \(SIGKILL\); starting it again now")
    run.wait_for_line(r"^[\d:]{8} worker \| hello", count=2)
    assert pids["worker"] not in run.survivors()
    orphans = [command for command in run.survivors().values() if "signal.pause" in command]
    assert len(orphans) == 1, "the child of the killed worker is gone, that of the new one is there"


def test_a_killed_manager_leaves_only_the_server_and_the_next_run_adopts_it(start: Start, folder: Path) -> None:
    first = start()
    first.wait_until_ready()
    server = first.server()
    with valkey(folder) as client:
        client.set("kept", "yes")
    first.signal(SIGKILL)
    wait_until(lambda: not first.survivors(), "all but the server is gone")
    assert first.server() == server

    second = start()
    second.wait_for_line("Valkey of an earlier run is still there")
    second.wait_until_ready()
    assert second.server() == server
    with valkey(folder) as client:
        assert client.get("kept") == "yes"
    second.signal(SIGTERM)
    assert second.wait() == 0
    assert gone(first), "the adopted server is stopped with the run that adopted it"


def test_a_run_right_after_a_killed_one_waits_for_its_end(start: Start) -> None:
    port = str(own_port())
    first = start(PORT=port)
    first.wait_until_ready()
    first.signal(SIGKILL)
    second = start(PORT=port)
    second.wait_until_ready()
    assert not first.survivors()


def test_tasks_outlive_a_restart_and_the_death_of_the_server(start: Start, folder: Path) -> None:
    run = start()
    run.wait_until_ready()
    before = run.server()
    assert before
    with valkey(folder) as client:
        client.set("kept", "yes")
        client.waitaof(1, 0, 5000)
        os.kill(before, SIGKILL)
    run.wait_for_line("the embedded Valkey died; starting it again")
    run.wait_for_line("the embedded Valkey answers again")
    assert run.server() != before
    with valkey(folder) as client:
        assert client.get("kept") == "yes"
        assert client.config_get("appendonly", "maxmemory-policy", "appendfsync") == {
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
            "appendfsync": "everysec",
        }
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        assert 0 < int(client.config_get("maxmemory")["maxmemory"]) <= physical / 2
    run.signal(SIGTERM)
    assert run.wait() == 0
    assert gone(run)


def test_a_second_run_in_the_same_folder_is_refused(start: Start) -> None:
    port = own_port()
    first = start(PORT=str(port))
    first.wait_until_ready()
    second = start()
    assert second.wait() == 1
    assert f"is in use: http://127.0.0.1:{port}" in second.output()
    assert "DATA_DIR" in second.output()
    assert first.process.poll() is None


def test_two_stacks_side_by_side(start: Start, folder: Path) -> None:
    one, two = start(DATA_DIR="one"), start(DATA_DIR="two")
    one.wait_until_ready()
    two.wait_until_ready()
    with valkey(folder, "one") as first, valkey(folder, "two") as second:
        first.set("mine", "one")
        assert second.get("mine") is None
    one.signal(SIGINT)
    assert one.wait() == 0
    with valkey(folder, "two") as second:
        assert second.ping()


def test_a_taken_port_is_said_before_anything_starts(start: Start, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(PORT=str(port))
        assert run.wait() == 1
        assert f"Port {port} on 127.0.0.1 cannot be used" in run.output()
        assert f"make run PORT={port + 1}" in run.output()
        assert not (folder / ".data/valkey").exists()


def test_a_dashboard_without_a_port_is_said_before_anything_starts(start: Start, folder: Path) -> None:
    (folder / "Procfile").write_text((folder / "Procfile").read_text() + f"dashboard: {sys.executable} -c 1\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(DASHBOARD_PORT=str(port))
        assert run.wait() == 1
    (line,) = run.lines
    assert line.startswith(f"Port {port} on 127.0.0.1 cannot be used")
    assert line.endswith(f"make run DASHBOARD_PORT={port + 1}")
    assert not (folder / ".data/valkey").exists()


def test_gateway_and_dashboard_do_not_share_a_port(start: Start, folder: Path) -> None:
    (folder / "Procfile").write_text((folder / "Procfile").read_text() + f"dashboard: {sys.executable} -c 1\n")
    port = str(own_port())
    run = start(PORT=port, DASHBOARD_PORT=port)
    assert run.wait() == 2
    assert run.lines == [
        f"make run cannot start: DASHBOARD_PORT={port}: the gateway listens there (PORT); choose another"
    ]


@pytest.mark.parametrize("prefix", ["", "DASHBOARD_"])
@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b", "x" * 70, "256.1.1.1"])
def test_a_host_that_is_none_is_said_before_anything_starts(start: Start, prefix: str, host: str, folder: Path) -> None:
    (folder / "Procfile").write_text((folder / "Procfile").read_text() + f"dashboard: {sys.executable} -c 1\n")
    run = start(**{f"{prefix}HOST": host, "DASHBOARD_USER": "me", "DASHBOARD_PASSWORD": "a long password"})
    assert run.wait() == 2
    (line,) = run.lines
    assert line.startswith(f"make run cannot start: {prefix}HOST={host!r}, {prefix}PORT=")
    assert not (folder / ".data/valkey").exists()


@pytest.mark.parametrize(
    ("setting", "value"), [("LEASE_SECONDS", "soon"), ("PORT", "http"), ("PORT", "0"), ("DURABILITY", "maybe")]
)
def test_a_bad_setting_is_said_once(start: Start, setting: str, value: str) -> None:
    run = start(**{setting: value})
    assert run.wait() == 2
    assert len(run.lines) == 1
    assert setting in run.lines[0]
    assert gone(run)


def test_without_a_procfile_it_says_where_to_start(start: Start, folder: Path) -> None:
    (folder / "Procfile").unlink()
    run = start()
    assert run.wait() == 1
    assert run.lines == [f"There is no Procfile in {folder}: start in the project's folder."]


def test_a_given_server_is_used_and_left_alone(start: Start, folder: Path, redis_url: str) -> None:
    run = start(REDIS_URL=redis_url)
    run.wait_until_ready()
    run.signal(SIGTERM)
    assert run.wait() == 0
    assert not (folder / ".data/valkey").exists()
    with Redis.from_url(redis_url) as client:
        assert client.ping()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:geheim@h:1/0", "redis://***@h:1/0"),
        ("redis://h:1/0?password=geheim", "redis://h:1/0?***"),
        ("unix:///run/x.sock?db=1&password=geheim@x", "unix:///run/x.sock?***"),
        ("unix://u:geheim@/run/x.sock?password=geheim#geheim", "unix://***@/run/x.sock?***"),
        ("redis://h:1/0", "redis://h:1/0"),
    ],
)
def test_no_password_is_shown_wherever_the_address_has_it(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_given_server_that_does_not_answer_is_said(start: Start) -> None:
    run = start(REDIS_URL=f"redis://:geheim@127.0.0.1:{own_port()}/0")
    assert run.wait() == 1
    assert "REDIS_URL=redis://***@127.0.0.1" in run.output()
    assert "does not answer" in run.output()
    assert "geheim" not in run.output()


def test_it_ends_when_nobody_reads_its_output_any_more(start: Start) -> None:
    run = start()
    pids = run.wait_until_ready()
    run.deaf = True
    os.kill(pids["worker"], SIGKILL)  # makes the manager say something
    assert run.process.wait(PATIENCE) == 0
    assert gone(run)
