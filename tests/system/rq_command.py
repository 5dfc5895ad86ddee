"""The ``rq`` command, as a person types it."""

import os
import subprocess
import sys

from tests.broker.worker.harness import Formation


def rq(formation: Formation, *arguments: str) -> str:
    """What ``rq`` prints."""
    command = [sys.executable, "-m", "rq.cli", *arguments, "--url", formation.broker.settings.redis_url]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
