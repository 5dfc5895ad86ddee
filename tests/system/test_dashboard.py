"""Guards the dashboard: rq-dashboard, unpatched, and `rq info` show tasks in every state and workers; what Redis or a
task says runs no code, in the process or in the page; nobody changes anything unasked or from another site; the process
knows no secret.
"""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask.testing import FlaskClient
from redis import Redis
from rq import Queue

from broker.broker import Broker
from broker.engine.keys import Keys
from broker.media.records import MediaRecord, fields
from broker.rq_records import CALL, DATA
from scripts.dashboard.app import create_app
from scripts.dashboard.plain_pickle import Refused, loads
from scripts.dashboard.same_origin import is_same_origin
from scripts.dashboard.settings import DashboardSettings
from tests.broker.engine.engine import Engine
from tests.servers import own_port
from tests.system.running import REPOSITORY

#: Of which nothing may be left in the environment of a process that shows what strangers wrote.
SECRET = "geheim" * 3
REGISTRIES = ("queued", "started", "finished", "failed", "scheduled", "canceled", "deferred")


@pytest.fixture
def engine(broker: Broker) -> Engine:
    """The store on a clock that stands still at the present."""
    engine = Engine(broker.redis, broker.keys)
    engine.now = time.time_ns() // 1000
    return engine


@pytest.fixture
def tasks(engine: Engine) -> dict[str, str]:
    """One task in each state, by the name of its registry, and a worker that runs the started one."""
    ids = {name: engine.submit(priority=priority) for priority, name in enumerate(("canceled", "queued"))}
    engine.store.cancel(ids["canceled"], "acme", force=False)
    ids["scheduled"] = engine.submit(delay_us=3_600_000_000)
    for name in ("failed", "finished", "started"):
        ids[name] = engine.submit(priority=10)
        worker = {"hostname": "here", "pid": os.getpid(), "version": "3.0.0", "python_version": "3.11"}
        engine.store.register_worker("w1", ttl=60, queues="Noop", fields=worker)
        run = engine.start()
        assert run.id == ids[name]
        if name == "failed":
            trace = "Traceback: <img src=x onerror=alert(1)> & more"
            engine.store.fail(run.id, run.execution, "boom", trace, None, engine.no_more())
        elif name == "finished":
            engine.finish(run)
        else:
            engine.renew(run)
    return ids


@pytest.fixture
def client(redis_url: str) -> FlaskClient:
    return client_of(DashboardSettings(redis_url))


def client_of(settings: DashboardSettings) -> FlaskClient:
    return create_app(settings).test_client()


def status(client: FlaskClient, path: str, **options: Any) -> int:
    with client.get(path, **options) as answer:
        return answer.status_code


def jobs(client: FlaskClient, queue: str, registry: str) -> list[str]:
    answer = client.get(f"/0/data/jobs/{queue}/{registry}/50/asc/1.json")
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.get_json()["jobs"]]


class TestPages:
    def test_every_state_is_listed_where_it_belongs(self, client: FlaskClient, tasks: dict[str, str]) -> None:
        found: dict[str, str] = {}
        for queue in ("Noop", "Noop:1", "Noop:10"):
            for registry in REGISTRIES:
                found |= dict.fromkeys(jobs(client, queue, registry), registry)
        assert found == {task: registry for registry, task in tasks.items()}

    def test_every_page_opens(self, client: FlaskClient, tasks: dict[str, str]) -> None:
        pages = ["/", "/0/view/workers", "/0/view/jobs", "/0/data/queues.json", "/0/data/workers.json"]
        pages += [f"/0/view/jobs/Noop/{registry}/8/dsc/1" for registry in REGISTRIES]
        pages += [f"/0/view/job/{task}" for task in tasks.values()]
        pages += [f"/0/data/job/{task}.json" for task in tasks.values()]
        pages += ["/static/favicon.ico", "/static/js/jquery-3.5.1.min.js"]
        assert {page: status(client, page) for page in pages} == dict.fromkeys(pages, 200)

    def test_the_worker_is_busy_with_its_task(self, client: FlaskClient, tasks: dict[str, str]) -> None:
        [worker] = client.get("/0/data/workers.json").get_json()["workers"]
        assert (worker["name"], worker["state"], worker["version"]) == ("w1", "busy", "3.0.0")
        assert worker["current_job"]["job_id"] == tasks["started"]
        assert worker["current_job"]["call_string"] == f"{CALL}()"

    def test_queue_counts(self, client: FlaskClient, tasks: dict[str, str]) -> None:
        queues = {each["name"]: each for each in client.get("/0/data/queues.json").get_json()["queues"]}
        assert queues["Noop:1"]["count"] == 1
        assert queues["Noop"]["scheduled_job_registry_count"] == 1
        assert queues["Noop"]["canceled_job_registry_count"] == 1
        counts = ("started_job_registry_count", "finished_job_registry_count", "failed_job_registry_count")
        assert [queues["Noop:10"][name] for name in counts] == [1, 1, 1]

    def test_a_requeued_task_waits_again(self, client: FlaskClient, tasks: dict[str, str], engine: Engine) -> None:
        assert client.post(f"/job/{tasks['failed']}/requeue").get_json() == {"status": "OK"}
        assert jobs(client, "Noop:10", "queued") == [tasks["failed"]]
        assert jobs(client, "Noop:10", "failed") == []
        assert engine.task(tasks["failed"]).status == "pending"

    def test_a_stranger_prefix_is_followed(self, client: FlaskClient) -> None:
        """``RQ_KEY_PREFIX`` is read by RQ when it is imported, so a process of its own has to look."""
        code = "from rq import Queue; print(Queue('Noop', connection=__import__('redis').Redis()).key)"
        environ = {**os.environ, "RQ_KEY_PREFIX": "other"}
        done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, timeout=60, check=True)
        assert done.stdout.decode().strip() == Keys("other").rq_queue("Noop")


class TestWords:
    """What a task is about and what it made, which RQ's records do not tell."""

    @pytest.fixture
    def film(self, broker: Broker) -> str:
        """The id of an upload of acme's, with a name that tries to spoil what is beside it."""
        record = MediaRecord(str(uuid4()), "acme", "video", "ho\x1b[2Jli\u202eday.mp4", "video/mp4", 9, "x", "2024")
        broker.redis.hset(broker.keys.media(record.id), mapping=fields(record))
        return record.id

    def submit(self, engine: Engine, **payload: Any) -> str:
        return engine.submit(payload=json.dumps(payload))

    def lines(self, client: FlaskClient) -> dict[str, str]:
        listed = client.get("/0/data/jobs/Noop/queued/50/asc/1.json").get_json()["jobs"]
        return {job["id"]: job["description"] for job in listed}

    def test_a_line_tells_one_task_from_another(self, client: FlaskClient, engine: Engine, film: str) -> None:
        lost = str(uuid4())
        told = {
            self.submit(engine, video_id=film): "Noop for acme: ho[2Jliday.mp4",
            self.submit(engine, plugin_name="checksum", media_id=film.upper(), tenant_id="acme"): (
                "Noop for acme: checksum, ho[2Jliday.mp4"
            ),
            self.submit(engine, media_id=lost, at=1.5, more={"a": "b"}): f"Noop for acme: {lost}, 1.5",
            self.submit(engine): "Noop for acme",
            engine.submit(payload=json.dumps({"media_id": film}), tenant="rival"): f"Noop for rival: {film}",
            engine.submit(payload="[1]"): "Noop for acme",
        }
        assert self.lines(client) == told
        for task_id, line in told.items():
            assert client.get(f"/0/data/job/{task_id}.json").get_json()["description"] == line

    def test_it_is_bounded(self, client: FlaskClient, engine: Engine) -> None:
        self.submit(engine, **{str(number): "x" * 1000 for number in range(20)})
        [line] = self.lines(client).values()
        assert line.startswith("Noop for acme: xxx")
        assert len(line) == 200

    def test_a_worker_tells_what_it_is_about(self, client: FlaskClient, engine: Engine, film: str) -> None:
        engine.store.register_worker(
            "w1", ttl=60, queues="Noop", fields={"hostname": "here", "pid": 1, "version": "3.0.0"}
        )
        self.submit(engine, video_id=film)
        engine.renew(engine.start())
        [worker] = client.get("/0/data/workers.json").get_json()["workers"]
        assert worker["current_job"]["description"] == "Noop for acme: ho[2Jliday.mp4"

    @pytest.mark.parametrize(
        ("made", "shown"),
        [
            ({"sha256": "ab", "<b>": ["<i>"]}, {"sha256": "ab", "&lt;b&gt;": ["&lt;i&gt;"]}),
            (0, 0),
            ("x" * 70_000, "70002 bytes, too many to be shown here; see GET /api/tasks/task-1"),
        ],
    )
    def test_its_result_is_shown_as_text(self, client: FlaskClient, engine: Engine, made: Any, shown: Any) -> None:
        task_id = engine.submit()
        assert client.get(f"/0/data/job/{task_id}.json").get_json()["result"] is None
        engine.finish(engine.start(), result=json.dumps(made))
        assert client.get(f"/0/data/job/{task_id}.json").get_json()["result"] == shown

    def test_a_stranger_job_is_left_as_it_is(self, client: FlaskClient, redis: Redis) -> None:
        job = Queue("strange", connection=redis_bytes(redis)).enqueue("os.getcwd", description="my own words")
        shown = client.get(f"/0/data/job/{job.id}.json").get_json()
        assert (shown["description"], shown["result"]) == ("my own words", None)


def redis_bytes(redis: Redis) -> Redis:
    """The same server, for RQ."""
    return Redis(port=redis.connection_pool.connection_kwargs["port"])


class TestWhatIsNotThere:
    @pytest.mark.parametrize(
        "path",
        [
            "/0/view/job/nobody",
            "/0/data/job/nobody.json",
            "/0/data/jobs/Noop/rate_limited/8/asc/1.json",
            "/0/view/jobs/Noop/rate_limited/8/asc/1",
            "/0/data/jobs/Noop/queued/8/asc/0.json",
            "/0/data/jobs/Noop/queued/0/asc/1.json",
            "/0/data/jobs/Noop/queued/eight/asc/1.json",
            "/1/data/queues.json",
            "/7/",
            "/nowhere",
        ],
    )
    def test_is_404(self, client: FlaskClient, path: str) -> None:
        assert client.get(path).status_code == 404

    def test_changing_it_is_404(self, client: FlaskClient) -> None:
        assert client.post("/job/nobody/requeue").status_code == 404
        assert client.post("/queue/Noop/rate_limited/empty").status_code == 404

    def test_compacting_an_empty_queue_is_nothing_to_complain_of(self, client: FlaskClient) -> None:
        assert client.post("/queue/Noop/compact").status_code == 200

    def test_an_unreachable_redis_is_503(self, redis_url: str) -> None:
        client = client_of(DashboardSettings(f"redis://127.0.0.1:{own_port()}/0"))
        assert client.get("/0/data/queues.json").status_code == 503


class Evil:
    """Its pickle runs a command when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


class TestPickles:
    def test_our_call_and_plain_values_are_loaded(self) -> None:
        assert loads(DATA) == (CALL, None, (), {})
        value = {"a": [1, 2.5, None, True, "ü", b"x", (1, 2), {3}, frozenset({4})], "b": -(2**70)}
        for protocol in range(4, pickle.HIGHEST_PROTOCOL + 1):
            assert loads(pickle.dumps(value, protocol)) == value

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_what_would_run_code_is_refused(self, tmp_path: Path, protocol: int) -> None:
        with pytest.raises(Refused):
            loads(pickle.dumps(Evil(tmp_path / "ran"), protocol))
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("field", ["data", "meta", "result"])
    def test_no_page_runs_code_from_redis(
        self, client: FlaskClient, tasks: dict[str, str], redis: Redis, tmp_path: Path, field: str
    ) -> None:
        redis.hset(f"rq:job:{tasks['started']}", field, pickle.dumps(Evil(tmp_path / "ran")))
        redis.hset(f"rq:job:{tasks['failed']}", field, pickle.dumps(Evil(tmp_path / "ran")))
        for path in ("/0/data/workers.json", "/0/data/jobs/Noop:10/started/8/asc/1.json", "/"):
            assert client.get(path).status_code in (200, 403)
        for task in (tasks["started"], tasks["failed"]):
            for path in (f"/0/data/job/{task}.json", f"/0/view/job/{task}"):
                assert client.get(path).status_code in (200, 403)
            client.post(f"/job/{task}/requeue")
            client.post(f"/job/{task}/delete")
        assert not (tmp_path / "ran").exists()

    def test_nothing_that_a_record_names_is_imported(
        self, client: FlaskClient, tasks: dict[str, str], redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "planted.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\ndef call(): pass\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        names = {"data": pickle.dumps(("planted.call", None, (), {})), "stopped_callback_name": "planted.call"}
        redis.hset(f"rq:job:{tasks['started']}", mapping={**names, "success_callback_name": "planted.call"})
        assert client.get("/0/data/workers.json").status_code == 200
        for path in (f"/job/{tasks['started']}/requeue", f"/job/{tasks['started']}/delete"):
            client.post(path)
        assert not (tmp_path / "ran").exists()


class TestPagesAreText:
    def test_what_a_task_says_is_no_markup_in_its_page(self, client: FlaskClient, tasks: dict[str, str]) -> None:
        shown = client.get(f"/0/data/job/{tasks['failed']}.json").get_json()
        assert shown["exc_info"] == "Traceback: &lt;img src=x onerror=alert(1)&gt; &amp; more"
        assert shown["id"] == tasks["failed"]

    def test_no_inline_event_handler_may_run(self, client: FlaskClient) -> None:
        assert "script-src-attr 'none'" in client.get("/").headers["Content-Security-Policy"]


class TestChanges:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_looking_at_requeue_requeues_nothing(self, client: FlaskClient, tasks: dict[str, str], method: str) -> None:
        assert client.open("/requeue/Noop:10", method=method).status_code == 405
        assert jobs(client, "Noop:10", "failed") == [tasks["failed"]]

    @pytest.mark.parametrize(
        "headers",
        [{"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
    )
    def test_another_site_changes_nothing(
        self, client: FlaskClient, tasks: dict[str, str], headers: dict[str, str]
    ) -> None:
        paths = ["/requeue/Noop:10", f"/job/{tasks['failed']}/requeue", f"/job/{tasks['failed']}/delete"]
        paths += ["/queue/Noop:10/failed/empty", "/queue/Noop:10/compact"]
        assert [client.post(path, headers=headers).status_code for path in paths] == [403] * len(paths)
        assert jobs(client, "Noop:10", "failed") == [tasks["failed"]]

    def test_its_own_pages_may(self, client: FlaskClient, tasks: dict[str, str]) -> None:
        assert client.post("/requeue/Noop:10", headers={"Origin": "http://localhost"}).get_json()["count"] == 1

    @pytest.mark.parametrize(
        ("headers", "same"),
        [
            ({}, True),
            ({"Origin": "http://here:1"}, True),
            ({"Origin": "null"}, False),
            ({"Origin": "http://here:2"}, False),
            ({"Sec-Fetch-Site": "same-origin"}, True),
            ({"Sec-Fetch-Site": "none"}, True),
            ({"Sec-Fetch-Site": "cross-site", "Origin": "http://here:1"}, False),
        ],
    )
    def test_the_rule(self, headers: dict[str, str], same: bool) -> None:
        assert is_same_origin(headers, "here:1") is same


class TestEntering:
    def test_a_foreign_host_name_is_refused(self, client: FlaskClient) -> None:
        assert client.get("/", headers={"Host": "rebound.example"}).status_code == 400
        for host in ("127.0.0.1:9181", "localhost", "[::1]:9181", "[::1]"):
            assert client.get("/", headers={"Host": host}).status_code == 200
        for host in ("[::2]", "127.0.0.1.example", "localhost.example:80", "a@127.0.0.1", ""):
            assert client.get("/", headers={"Host": host}).status_code == 400

    def test_with_a_password_everything_asks_for_it(self, redis_url: str) -> None:
        client = client_of(DashboardSettings(redis_url, "0.0.0.0", user="ops", password="geheim"))
        for path in ("/", "/0/data/workers.json", "/static/favicon.ico", "/nowhere"):
            answer = client.get(path, headers={"Host": "dashboard.example"})
            assert (answer.status_code, answer.headers["WWW-Authenticate"][:5]) == (401, "Basic")
            assert status(client, path, auth=("ops", "falsch")) == 401
            assert status(client, path, auth=("", "")) == 401
            assert status(client, path, auth=("ops", "geheim")) == (404 if path == "/nowhere" else 200)
        assert client.post("/queue/Noop/queued/empty").status_code == 401

    @pytest.mark.parametrize(
        ("environ", "wanted"),
        [
            ({"DASHBOARD_HOST": "0.0.0.0"}, "DASHBOARD_USER and DASHBOARD_PASSWORD"),
            ({"DASHBOARD_HOST": "::"}, "DASHBOARD_USER and DASHBOARD_PASSWORD"),
            ({"DASHBOARD_HOST": "dashboard.example"}, "DASHBOARD_USER and DASHBOARD_PASSWORD"),
            ({"DASHBOARD_USER": "ops"}, "both"),
            ({"DASHBOARD_PORT": "http"}, "DASHBOARD_PORT"),
            ({"REDIS_URL": ""}, "REDIS_URL"),
        ],
    )
    def test_unsafe_settings_are_refused(self, environ: dict[str, str], wanted: str) -> None:
        with pytest.raises(ValueError, match=wanted):
            DashboardSettings.from_env({"REDIS_URL": "redis://127.0.0.1", **environ})


class TestProcess:
    """``python -m scripts.dashboard``, as the Procfile starts it."""

    @pytest.fixture
    def dashboard(self, redis_url: str) -> Iterator["subprocess.Popen[bytes]"]:
        environ = {
            **os.environ,
            "REDIS_URL": redis_url,
            "SECRET_KEY": SECRET,
            "API_KEYS": f"me:{SECRET}",
        }
        environ |= {"AWS_SECRET_ACCESS_KEY": "geheim", "PYTHONPATH": str(REPOSITORY)}
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.dashboard"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
        process.stderr.close()

    def test_a_signal_to_start_another_one_is_ignored(self, dashboard: "subprocess.Popen[bytes]") -> None:
        assert dashboard.stdout
        url = dashboard.stdout.readline().decode().split()[-1]
        assert requests.get(url, timeout=20).ok
        dashboard.send_signal(signal.SIGUSR2)
        assert requests.get(url, timeout=20).ok  # and nothing is told, see above

    def test_listens_on_loopback_says_where_and_forgets_all_secrets(
        self, dashboard: "subprocess.Popen[bytes]", tasks: dict[str, str]
    ) -> None:
        assert dashboard.stdout
        said = re.fullmatch(r"dashboard at (http://127\.0\.0\.1:\d+)\n", dashboard.stdout.readline().decode())
        assert said
        workers = requests.get(f"{said[1]}/0/data/workers.json", timeout=20).json()["workers"]
        assert workers[0]["current_job"]["job_id"] == tasks["started"]
        environ = Path(f"/proc/{dashboard.pid}/environ").read_bytes()
        assert b"REDIS_URL" in environ
        assert b"geheim" not in environ

    def test_a_bad_setting_is_one_line(self, redis_url: str) -> None:
        environ = {**os.environ, "REDIS_URL": redis_url, "DASHBOARD_HOST": "0.0.0.0", "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "scripts.dashboard"]
        done = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False)
        assert done.returncode == 2
        assert re.fullmatch(rb"the dashboard cannot start: .*DASHBOARD_USER.*\n", done.stderr)


class TestOnIpv6:
    def test_in_json_and_by_its_address(self, redis_url: str, tasks: dict[str, str]) -> None:
        environ = {**os.environ, "REDIS_URL": redis_url, "DASHBOARD_HOST": "::1", "LOG_FORMAT": "json"}
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.dashboard"],
            env=environ | {"PYTHONPATH": str(REPOSITORY)},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr
            first = json.loads(process.stderr.readline())
            said = re.fullmatch(r"dashboard at (http://\[::1\]:\d+)", first["message"])
            assert said
            assert requests.get(f"{said[1]}/0/data/workers.json", timeout=20).json()["workers"]
        finally:
            process.terminate()
            _, log = process.communicate(timeout=20)
        assert process.returncode == 0
        assert all(json.loads(line)["level"] for line in log.splitlines())


class TestStockTools:
    def test_rq_info_shows_queues_and_workers(self, redis_url: str, tasks: dict[str, str]) -> None:
        command = [sys.executable, "-m", "rq.cli", "info", "--url", redis_url, "--raw"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        lines = done.stdout.decode().splitlines()
        assert any(line.startswith("queue Noop:1 1") for line in lines), lines
        assert any("w1" in line and "busy" in line for line in lines), lines
