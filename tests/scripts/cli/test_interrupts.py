"""A signal that ends the program does so at any moment, also at those at which Python loses what its handler raises."""

import signal
import subprocess
import sys

import pytest

from tests.gateway.served import PATIENCE
from tests.scripts.cli.conftest import ROOT

PROGRAM = """
import atexit, contextlib, ctypes, functools, io, operator, os, sys, threading, time
from scripts.cli import interrupts, limit, main
from scripts.cli.failure import Failure

interrupts.AGAIN = 0.05
number, lock = int(sys.argv.pop()), threading.Lock()

class Answer(io.BytesIO):
    def close(self):
        os.kill(os.getpid(), number)
        super().close()

def in_a_destructor(context):
    print("begun")
    Answer()
    while True:
        time.sleep(60)

def with_a_lock(context):
    print("begun")
    lock.acquire()
    try:
        os.kill(os.getpid(), number)
    finally:
        lock.acquire()

def before_a_wait(context):
    print("begun")
    steps = [functools.partial(ctypes.PyDLL(None).kill, os.getpid(), number), functools.partial(time.sleep, 600)]
    any(map(operator.call, steps))  # the interpreter, which would handle it, has no part in what is between the two

def after_an_alarm(context):
    print("begun")
    with contextlib.suppress(Failure), limit.time_limit(0.01):
        time.sleep(600)
    time.sleep(4 * interrupts.AGAIN)  # it is not sent again, or would end the program now
    os.kill(os.getpid(), number)

atexit.register(lock.acquire)
main.mindia.invoke = globals()[sys.argv.pop()]
main.main()
"""


@pytest.mark.parametrize("moment", ["in_a_destructor", "with_a_lock", "before_a_wait", "after_an_alarm"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_the_program_whatever_that_is_at(moment: str, number: int, status: int) -> None:
    argv = [sys.executable, "-c", PROGRAM, "doctor", moment, str(int(number))]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, start_new_session=True)
    assert (ended.returncode, ended.stdout) == (status, "begun\n"), ended.stderr


def test_what_runs_in_the_background_of_a_script_is_not_ended_by_it() -> None:
    """Shells have it ignored there."""
    program = "import os, signal; from scripts.cli import main; "
    program += "main.mindia.invoke = lambda context: os.kill(os.getpid(), signal.SIGINT); main.main()"
    argv = ["sh", "-c", 'trap "" INT; exec "$0" -c "$1" doctor', sys.executable, program]
    assert subprocess.run(argv, cwd=ROOT, timeout=PATIENCE).returncode == 0
