"""Handlers that tests run in real worker children."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from broker.errors import PermanentError, TransientError
from broker.worker.context import TaskContext


def noop(context: TaskContext) -> dict[str, Any]:
    return {"n": context.payload.get("n")}
