"""A worker for tests of the process manager: has a child of its own, runs until SIGTERM, then says good-bye."""

import os
import signal
import subprocess
import sys

child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])


def stop(*_: object) -> None:
    child.terminate()
    child.wait()
    print("good-bye", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print("hello, PORT is", os.environ.get("PORT"), flush=True)
while True:
    signal.pause()
