"""The system that the page looks at: a real gateway, daemon and worker on a server of their own."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.broker.worker.harness import Formation

#: ``acme`` is the operator; the formation submits for it.
OPERATOR_KEY, TENANT_KEY = "the-key-of-the-operator", "the-key-of-the-tenant"
#: Whose tasks nobody clears away.
CROWD_KEY = "the-key-of-the-crowd"
#: Who has no images but those of one test, and whose uploads no quota counts.
GALLERY_KEY = "the-key-of-the-gallery"
#: Who has nothing yet.
NEWCOMER_KEY = "the-key-of-the-newcomer"
_KEYS = {
    "acme": OPERATOR_KEY,
    "rival": TENANT_KEY,
    "crowd": CROWD_KEY,
    "gallery": GALLERY_KEY,
    "newcomer": NEWCOMER_KEY,
}
API_KEYS = ",".join(f"{tenant}:{key}" for tenant, key in _KEYS.items())
TASK_TYPES = ",".join(f"tests.broker.worker.task_types:{name}" for name in ("ACT", "LIMITED"))


@dataclass
class System:
    """Where it is, and how to put it into a state."""

    formation: Formation
    url: str

    def call(self, method: str, path: str, key: str = OPERATOR_KEY, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        answer = requests.request(method, self.url + path, headers=headers, timeout=30, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def submit(self, act: str = "answer", *, key: str = OPERATOR_KEY, options: Any = None, **args: Any) -> str:
        """A task that acts; returns its id. ``options`` are further members of its body."""
        body = {"type": "Act", "payload": {"act": act, "args": args}, **(options or {})}
        return str(self.call("POST", "/api/tasks", key, json=body)["id"])

    def until(self, task_id: str, *statuses: str) -> None:
        self.formation.until_status(task_id, *statuses)

    def hold(self, name: str, **options: Any) -> str:
        """A task that runs until ``release(name)``."""
        return self.submit("hold", path=str(self.formation.file(name)), options=options)

    def release(self, name: str) -> None:
        self.formation.file(name).touch()

    def change(self, type: str, **settings: Any) -> None:
        self.call("PATCH", f"/api/queues/{type}", json=settings)

    def clear(self) -> None:
        """Ends what is unfinished, and undoes what tests change."""
        for name in ("Act", "Limited", "VideoTranscoding", "PluginExecution", "EmbeddingGeneration"):
            self.change(name, paused=False)
        for status in ("pending", "scheduled", "processing"):
            while tasks := self.call("GET", "/api/tasks", params={"status": status, "limit": 100})["tasks"]:
                for task in tasks:
                    path = f"{self.url}/api/tasks/{task['id']}/cancel?force=true"
                    requests.post(path, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}, timeout=30)
