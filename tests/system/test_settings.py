"""Guards that no process starts with settings that cannot be meant: each tells all that is wrong, whichever process it
concerns, a line for each, and ends at once with status 2, which ``make run`` takes for the end of the matter."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from tests.system.conftest import Start
from tests.system.running import REPOSITORY

BAD = {
    "API_KEYS": "acme:short",
    "STORAGE_URL": "ftp://host/folder",
    "VIDEO_TRANSCODING_RATE": "fast",
    "TASK_TYPES": "nothing:HERE",
    "PLUGINS": "nothing:THERE",
    "MAX_UPLOAD_BYTES": "2GB",
    "DASHBOARD_HOST": "0.0.0.0",
    "MAX_PENDNG": "5",
}


def commands() -> dict[str, str]:
    """Every line of the Procfile, and the commands beside them."""
    lines = (REPOSITORY / "Procfile").read_text().splitlines()
    named = dict(line.split(": ", 1) for line in lines)
    return named | {"doctor": "python -m broker doctor", "run": "python -m scripts.run"}


def started(command: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = {"PATH": path, "HOST": "127.0.0.1", "PORT": "1", "DATA_DIR": str(folder), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {command}"],
        cwd=REPOSITORY,
        env={**clean, **shell, "REDIS_URL": "redis://127.0.0.1:1", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", sorted(commands()))
def test_all_that_is_wrong_is_told_and_nothing_starts(name: str, tmp_path: Path) -> None:
    ran = started(commands()[name], tmp_path, **BAD)
    assert ran.returncode == 2, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if " cannot start: " in line]
    assert [word for word in BAD if not any(f"start: {word}" in line for line in lines)] == []
    assert len(lines) == len(BAD)
    assert "Traceback" not in ran.stderr
    assert not any(tmp_path.iterdir()), "nothing was begun"


@pytest.mark.parametrize("name", ["dashboard", "run", "search"])
def test_who_asks_for_help_starts_nothing(name: str, tmp_path: Path) -> None:
    """Everything is set by variables: any other word is a mistake."""
    asked = started(f"{commands()[name]} --help", tmp_path, **BAD)
    assert (asked.returncode, asked.stdout.splitlines()[0], asked.stderr) == (0, f"usage: {commands()[name]} [-h]", "")
    wrong = started(f"{commands()[name]} 8001", tmp_path, **BAD)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.endswith("error: unrecognized arguments: 8001\n")


@pytest.mark.parametrize("name", sorted({*commands()} - {"web", "dashboard"}))
def test_in_json_too(name: str, tmp_path: Path) -> None:
    """gunicorn's arguments are wrong before it has a log, and the dashboard becomes gunicorn; the rest is all JSON."""
    ran = started(commands()[name], tmp_path, **BAD, LOG_FORMAT="json")
    assert ran.returncode == 2
    told = [json.loads(line)["message"] for line in ran.stderr.splitlines()]
    assert len(told) == len(BAD)


@pytest.mark.parametrize("name", ["web", "broker", "worker", "search"])
def test_the_wrong_server_is_told_in_one_line(name: str, tmp_path: Path, redis_url: str, redis: Redis) -> None:
    """One that never comes right by itself, unlike one that is away."""
    redis.acl_setuser("nobody", enabled=True, passwords=["+right"], keys=["*"], commands=["+@connection"])
    for login, said in (("nobody:wrong", "the password is wrong, or there is no user 'nobody'"),
                        ("nobody:right", "the user lacks a right")):  # fmt: skip
        url = redis_url.replace("//", f"//{login}@")
        ran = started(commands()[name], tmp_path, REDIS_URL=url, API_KEYS="acme:0123456789abcdef")
        (line,) = [each for each in ran.stderr.splitlines() if "cannot start" in each]
        assert said in line
        assert "wrong@" not in ran.stderr
        assert ran.returncode in (2, 3 if name == "web" else 2), ran.stderr
    redis.acl_deluser("nobody")


def test_a_gateway_without_keys_is_no_good_release(tmp_path: Path) -> None:
    ran = started(commands()["release"], tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.startswith("the check cannot start: API_KEYS is not set: give tenant:key pairs")


def test_a_type_whose_handler_is_not_there_is_refused_by_the_worker(tmp_path: Path) -> None:
    declaration = """
from marshmallow import Schema
from broker.task_type import TaskType
MINE = TaskType("Mine", Schema, "handlers.transcoding.run:nothing")
"""
    (tmp_path / "my_types.py").write_text(declaration)
    path = f"{REPOSITORY}{os.pathsep}{tmp_path}"
    ran = started("python -m scripts.worker", tmp_path, PYTHONPATH=path, TASK_TYPES="my_types:MINE")
    assert ran.returncode == 2
    (line,) = [each for each in ran.stderr.splitlines() if "cannot start" in each]
    assert line == (
        "the worker cannot start: Mine: its handler: cannot load 'handlers.transcoding.run:nothing' "
        "(want module:attribute): module 'handlers.transcoding.run' has no attribute 'nothing'"
    )


def test_what_cannot_start_is_not_started_again(start: Start, folder: Path) -> None:
    counter = folder / "starts"
    refusing = f"echo . >> {counter}; echo it is wrong that way >&2; exit 2"
    (folder / "Procfile").write_text((folder / "Procfile").read_text() + f"search: {refusing}\n")
    run = start()
    assert run.wait() == 2
    assert counter.read_text() == ".\n"
    assert run.matches(r"^[\d:]{8} search \| it is wrong that way$")
    assert run.matches(r"search cannot start \(exit status 2\); it has said why")
    assert not run.survivors()
    assert run.server() is None


@pytest.mark.parametrize(
    ("name", "value"), [*BAD.items(), ("DASHBOARD_HOST", "no.such.host.invalid"), ("HOST", "256.1.1.1")]
)
def test_make_run_ends_at_once(start: Start, name: str, value: str, folder: Path) -> None:
    dashboard = f"{shlex.quote(sys.executable)} -m scripts.dashboard"
    (folder / "Procfile").write_text((folder / "Procfile").read_text() + f"dashboard: {dashboard}\n")
    run = start(**{name: value})
    assert run.wait() == 2
    assert run.matches(value if name in ("HOST", "DASHBOARD_HOST") else name)
    assert not run.matches("starting it again")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "File exists"),
        ("file:///proc/foo", "No such file or directory"),
        (f"file:///{'x' * 5000}", "File name too long"),
        ("file:///tmp/a%00b", "null"),
        ("s3://bucket", "Unable to locate credentials"),
    ],
)
def test_a_storage_that_cannot_work_is_refused_before_anything_starts(
    start: Start, url: str, why: str, folder: Path
) -> None:
    own = {"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_EC2_METADATA_DISABLED": "true"}
    run = start(STORAGE_URL=url, **own)
    assert run.wait() == 2
    (line,) = run.lines
    assert line.startswith("make run cannot start: STORAGE_URL=")
    assert "media cannot be stored there" in line
    assert why in line
    assert len(line) < 250
    assert not (folder / ".data/valkey").exists()
