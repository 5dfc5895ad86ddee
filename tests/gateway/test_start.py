"""Starting the gateway: fast, light, ready without Redis, and never with settings that cannot be meant."""

import json
import os
import subprocess
import sys

import pytest
from flask.testing import FlaskClient
from redis import Redis

from broker.broker import Broker
from broker.queues.daemons import Daemon
from gateway.config import GatewaySettings
from tests.gateway.conftest import ClientOf
from tests.gateway.problem import problem
from tests.invariants import snapshot

HEAVY = (
    "numpy",
    "torch",
    "av",
    "PIL",
    "ffmpeg",
    "imageio_ffmpeg",
    "sentence_transformers",
    "transformers",
    "boto3",
    "rq_dashboard",
)
KEYS = "acme:the-key-of-acme-1"
REPORT = """
import json, pathlib, sys, time
began = time.monotonic()
from scripts.web import app
loaded = [name for name in {heavy!r} if name in sys.modules]
answer = app.test_client().get("/livez").status_code
# Of this program alone: getrusage would tell the peak of the process that started it.
status = pathlib.Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps([loaded, answer, peak]))
"""


def start(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program with these settings and no others of ours."""
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, "-c", program], env=clean | environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_loads_nothing_heavy_and_lives_without_redis() -> None:
    ran = start(REPORT.format(heavy=HEAVY), API_KEYS=KEYS, REDIS_URL="redis://127.0.0.1:1/0")
    assert ran.returncode == 0, ran.stderr
    loaded, answer, peak_kib = json.loads(ran.stdout)
    assert loaded == []
    assert answer == 200
    assert peak_kib < 150 * 1024


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "API_KEYS"),
        ({"API_KEYS": "acme"}, "API_KEYS"),
        ({"API_KEYS": KEYS, "MAX_UPLOAD_BYTES": "2GB"}, "MAX_UPLOAD_BYTES"),
        ({"API_KEYS": KEYS, "REDIS_URL": ""}, "REDIS_URL"),
        ({"API_KEYS": KEYS, "TASK_TYPES": "nothing:HERE"}, "nothing:HERE"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(environ: dict[str, str], named: str) -> None:
    ran = start("import scripts.web", **{"REDIS_URL": "redis://127.0.0.1:1/0"} | environ)
    assert ran.returncode == 2
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith("the gateway cannot start: ")
    assert named in line


def test_what_is_not_set_has_a_default() -> None:
    settings = GatewaySettings.from_env({"API_KEYS": KEYS})
    assert settings.max_upload_bytes == 2 * 1024**3
    assert settings.secret_key == GatewaySettings.from_env({"API_KEYS": KEYS}).secret_key
    assert settings.secret_key != GatewaySettings.from_env({"API_KEYS": "acme:another-key-of-acme"}).secret_key
    assert "key-of-acme" not in settings.secret_key
    assert settings.secret_key == GatewaySettings.from_env({"API_KEYS": KEYS, "SECRET_KEY": ","}).secret_key


def test_what_is_set_counts_and_is_not_shown() -> None:
    environ = {"API_KEYS": "acme:topsecret-topsecret", "SECRET_KEY": "hush-hush-hush-hush", "MAX_UPLOAD_BYTES": "5"}
    settings = GatewaySettings.from_env(environ)
    assert (settings.secret_key, settings.max_upload_bytes, settings.environ) == ("hush-hush-hush-hush", 5, environ)
    assert "hush" not in repr(settings)
    assert "topsecret" not in repr(settings)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "2GB", "\u0663", "9" * 16])
def test_an_upload_limit_is_a_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match="MAX_UPLOAD_BYTES"):
        GatewaySettings.from_env({"API_KEYS": KEYS, "MAX_UPLOAD_BYTES": text})


def test_health_needs_no_key(anonymous: FlaskClient) -> None:
    for path in ("/livez", "/readyz"):
        response = anonymous.get(path)
        assert (response.status_code, response.json["status"]) == (200, "ok")
        assert anonymous.head(path).status_code == 200


def test_readiness_tells_who_is_missing(anonymous: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
    missing = [f"no worker listens to {name}" for name in sorted(broker.types)]
    told = anonymous.get("/readyz").json["warnings"]
    assert told[:-1] == missing
    assert told[-1].startswith("no daemon runs")
    queues = client_of("ops").get("/api/queues").json
    assert (queues["daemons"], queues["warnings"]) == (0, told)
    broker.daemons.beat(Daemon("d", "host", 1, "2024-01-01T00:00:00.000000Z", "2024-01-01T00:00:00.000000Z"))
    broker.transitions.register_worker("w", ttl=30, queues=",".join(broker.types), fields={"pid": 1})
    assert anonymous.get("/readyz").json["warnings"] == []
    broker.redis.set(broker.keys.suspended(), 1)
    assert "rq suspend" in anonymous.get("/readyz").json["warnings"][0]
    assert client_of("ops").get("/api/queues").json["daemons"] == 1


def test_it_is_not_ready_while_redis_does_not_know_the_types(anonymous: FlaskClient, broker: Broker) -> None:
    broker.redis.delete(broker.keys.limits("PluginExecution"))
    before = snapshot(broker.redis, broker.keys)
    answer = anonymous.get("/readyz")
    told = problem(answer, 503, "unavailable")
    assert told["detail"].startswith("Not declared yet: PluginExecution.")
    assert snapshot(broker.redis, broker.keys) == before
    broker.queues.declare()
    assert anonymous.get("/readyz").status_code == 200


def test_a_promise_that_the_server_cannot_keep_ends_the_start_in_one_line(environ: dict[str, str]) -> None:
    ran = start("import scripts.web", **environ, DURABILITY="fsync")
    assert ran.returncode == 2
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith("the gateway cannot start: DURABILITY=fsync cannot be kept: this server has no append-only")


def test_it_waits_for_a_server_that_can_only_be_read(environ: dict[str, str], redis: Redis) -> None:
    """It is declared later; until then requests are told so."""
    redis.replicaof("127.0.0.1", 1)
    try:
        ran = start("from scripts.web import app; print(app.test_client().get('/readyz').status)", **environ)
    finally:
        redis.replicaof("NO", "ONE")
    assert (ran.returncode, ran.stdout) == (0, "503 SERVICE UNAVAILABLE\n"), ran.stderr
    assert "not ready yet: 127.0.0.1:" in ran.stderr
    assert "Traceback" not in ran.stderr
