"""The whole system, started once for all tests that talk to it as a user does."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.system.running import Run


@dataclass
class RealStack:
    """A running ``make run`` with a port and a folder of its own."""

    run: Run
    url: str
    key: str
    data_dir: str
    redis_url: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, headers=self.headers, timeout=30)
        assert answer.ok, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()
