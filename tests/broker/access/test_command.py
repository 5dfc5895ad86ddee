"""``python -m broker keys``, as a person types it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from broker.__main__ import main
from broker.access.audit_log import Wanted
from broker.broker import Broker

ROOT = Path(__file__).parents[3]


@pytest.fixture
def keys_command(redis_url: str, tmp_path: Path) -> "Run":
    return Run({"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)})


class Run:
    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ}

    def __call__(self, *words: str, status: int = 0) -> tuple[list[str], str]:
        command = [sys.executable, "-m", "broker", "keys", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout.splitlines(), done.stderr


def test_a_keys_life(keys_command: Run, broker: Broker, redis: Redis) -> None:
    """Its text is alone on standard output, to be put into a variable."""
    create = ("create", "--tenant", "acme", "--name", "ci 1", "--scopes", "write,read", "--days", "30")
    (text,), said = keys_command(*create)
    found = broker.api_keys.identify(text)
    assert found and found.tenant == "acme" and text not in said
    key_id = found.credential.key_id
    (head, row), _ = keys_command("list", "--tenant", "acme")
    assert row.split()[:4] == [key_id, "acme", "read,write", "never"] and row.endswith("ci 1"), head
    (rotated,), _ = keys_command("rotate", key_id, "--overlap", "0")
    assert broker.api_keys.identify(text) is None
    assert broker.api_keys.identify(rotated)
    assert keys_command("revoke", key_id)[0] == []
    assert broker.api_keys.identify(rotated) is None
    assert len(keys_command("list")[0]) == 1
    told, _ = broker.audit_log.page(Wanted(tenant=""), limit=10)
    assert [each.action for each in told] == ["key.revoked", "key.rotated", "key.created"]
    assert {each.actor.partition(":")[0] for each in told} == {"cli"}


def test_what_is_wrong_is_said_in_a_line(
    keys_command: Run, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = keys_command("revoke", "000000000000", status=1)
    assert said == "keys revoke: There is no API key with this id.\n"
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr("broker.__main__.set_up_logging", lambda _: None)  # it would be that of all tests
    for words in (
        ("create", "--tenant", "a/b", "--name", "x"),
        ("create", "--tenant", "acme"),
        ("create", "--tenant", "acme", "--name", "x\x1b[2J"),
        ("create", "--tenant", "acme", "--name", "x", "--scopes", "root"),
        ("create", "--tenant", "acme", "--name", "x", "--days", "nan"),
        ("rotate", "000000000000", "--overlap", "604801"),
        ("revoke",),
        (),
    ):
        monkeypatch.setattr(sys, "argv", ["broker", "keys", *words])
        with pytest.raises(SystemExit) as ended:
            sys.exit(main())
        assert (ended.value.code, capsys.readouterr().out) == (2, "")
