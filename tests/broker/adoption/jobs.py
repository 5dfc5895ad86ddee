"""What the jobs of a stock RQ system call in the tests of adoption; what they did is in a file."""

import json
import os
import time
from datetime import date
from pathlib import Path

from rq import get_current_job


def tell(effects: str, number: int, day: date | None = None) -> int:
    _write(effects, number)
    return number * 2


def fail_twice(effects: str, number: int) -> str:
    """Fails at its first two runs."""
    _write(effects, number)
    runs = [each for each in Path(effects).read_text().splitlines() if json.loads(each)["number"] == number]
    if len(runs) < 3:
        raise RuntimeError("not yet")
    return "at last"


def fail(effects: str, number: int) -> None:
    _write(effects, number)
    raise RuntimeError("never")


def hold(effects: str, number: int, go: str) -> None:
    _write(effects, number)
    while not Path(go).exists():
        time.sleep(0.02)


class Mail:
    def __init__(self, to: str) -> None:
        self.to = to

    def send(self, effects: str, number: int) -> str:
        _write(effects, number)
        return self.to


def forbidden(effects: str, number: int) -> None:
    _write(effects, number)


def after(job: object, connection: object, result: object) -> None:
    """A callback."""


def _write(effects: str, number: int) -> None:
    job = get_current_job()
    line = {"number": number, "job": job and job.id, "pid": os.getpid()}
    with open(effects, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")
