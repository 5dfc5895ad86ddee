"""Guards that real processes do their work as Redis users of their own, with the rights that each is said to need."""

from collections.abc import Callable

import requests

from broker.engine.rights import acl
from tests.broker.worker.harness import TENANT, Formation
from tests.servers import own_port

KEY = "0123456789abcdef"


def test_a_system_whose_processes_are_users_with_least_rights(formation_of: Callable[..., Formation]) -> None:
    formation = formation_of(API_KEYS=f"{TENANT}:{KEY}")
    redis, url = formation.broker.redis, formation.environ["REDIS_URL"]
    for process, words in acl("rq"):
        redis.execute_command("ACL", "SETUSER", process, "reset", "on", ">pass", *words.split())
    redis.execute_command("ACL", "SETUSER", "default", "on", "nopass", "~*", "+@all")
    redis.execute_command("ACL", "LOG", "RESET")

    def as_user(name: str) -> str:
        return url.replace("//", f"//{name}:pass@")

    formation.daemon(REDIS_URL=as_user("broker"))
    formation.worker(REDIS_URL=as_user("worker"), WORKER_PROCESSES=2)
    port = own_port()
    formation.gateway(port, REDIS_URL=as_user("web"))
    api = requests.Session()
    api.headers["Authorization"] = f"Bearer {KEY}"
    base = f"http://127.0.0.1:{port}/api"

    def submit(act: str, **args: object) -> str:
        body = {"type": "Act", "payload": {"act": act, "args": args}}
        return str(api.post(f"{base}/tasks", json=body, timeout=30).json()["id"])

    ends = {submit("answer", value=1): "completed", submit("fail", kind="permanent"): "failed"}
    ends |= {submit("flaky", failures=1): "completed", submit("count_up"): "completed"}
    held = submit("hold", path=str(formation.file("go")))
    formation.until_started(held)
    assert api.post(f"{base}/tasks/{held}/cancel?force=true", timeout=30).ok
    ends[held] = "cancelled"
    for task_id, status in ends.items():
        formation.until_status(task_id, status)
    for path in ("tasks", "tasks/stats", "queues", "queues/history", "workers", "autoscale", "keys", "audit", "holds"):
        assert api.get(f"{base}/{path}", timeout=30).status_code == 200, path
    patched = api.patch(f"{base}/queues/Act", json={"rate": 50, "burst": 10, "aging_seconds": 60}, timeout=30)
    assert patched.status_code == 200
    formation.program("check", "-m", "broker", "doctor", REDIS_URL=as_user("broker")).wait(60)
    denied = [(entry["username"], entry["object"], entry["reason"]) for entry in redis.acl_log()]
    assert denied == []
