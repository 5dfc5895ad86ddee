"""Ctrl-C and SIGTERM end the program, whatever it is at.

What a signal's handler raises comes up wherever the program happens to be. In the destructor of an answer it is
dropped; between the taking of a lock and its release, whoever takes the lock next waits for ever, also at the program's
end. So it is raised again until the program ends, and what Python does at its end is left out.
"""

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

#: Seconds after which it is raised again; what is said and closed before the end takes less.
AGAIN = 2.0


def run_to_the_end(program: Callable[[], int]) -> NoReturn:
    """Ends the process with the status that ``program`` answers, or with that of the signal.

    Ctrl-C that is ignored, as by what a shell script has put into the background, stays so.
    """
    came = False

    def end(number: int, _: object) -> NoReturn:
        nonlocal came
        if not came:
            came = True
            _thread.start_new_thread(_insist, (number,))  # takes no lock, which the main thread may hold
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)
    try:
        status = program()
    except KeyboardInterrupt:  # again, while it was ending
        status = 128 + signal.SIGINT
    except SystemExit as ended:
        status = int(ended.code or 0)
    if not came:
        sys.exit(status)
    with suppress(OSError, KeyboardInterrupt, SystemExit):
        sys.stdout.flush()
    os._exit(status)


def _insist(number: int) -> NoReturn:
    while True:
        time.sleep(AGAIN)
        os.kill(os.getpid(), number)
