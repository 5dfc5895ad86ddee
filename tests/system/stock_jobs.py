"""The job that stock RQ workers run in ``test_stock_rq``; its effects are told as ``tests.handlers_for_tests`` does."""

import json
import os
import time

from rq import get_current_job


def work(effects: str, seconds: float) -> None:
    _tell(effects, "start")
    time.sleep(seconds)
    _tell(effects, "end")


def _tell(effects: str, what: str) -> None:
    job = get_current_job()
    assert job
    line = {"task": job.id, "what": what, "pid": os.getpid(), "at": time.monotonic()}
    with open(effects, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")
