"""Ctrl-C and SIGTERM end the program, whatever it is at.

What a signal's handler raises comes up wherever the program happens to be. In the destructor of an answer it is
dropped; between the taking of a lock and its release, whoever takes the lock next waits for ever, also at the program's
end; and a signal that comes right before a wait begins is handled when that has ended. So it is sent again until the
program ends, and what Python does at its end is left out.
"""

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

#: Seconds after which it is sent again; what is said and closed before the end takes less.
AGAIN = 2.0
_ENDS = (signal.SIGINT, signal.SIGTERM)


def run_to_the_end(program: Callable[[], int]) -> NoReturn:
    """Ends the process with the status that ``program`` answers, or with that of the signal.

    Ctrl-C that is ignored, as by what a shell script has put into the background, stays so.
    """
    came = False

    def end(number: int, _: object) -> NoReturn:
        nonlocal came
        came = True
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)
    told, tells = os.pipe()
    os.set_blocking(tells, False)
    signal.set_wakeup_fd(tells)  # at once, whatever the main thread is at
    _thread.start_new_thread(_insist, (told, _thread.get_ident()))
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


def _insist(told: int, thread: int) -> NoReturn:
    """Sends the signal that ``told`` tells of to ``thread``, which is ended by it. Takes no lock that may be held."""
    while (number := os.read(told, 1)[0]) not in _ENDS:  # an alarm, which ends a wait alone
        pass
    while True:
        time.sleep(AGAIN)
        signal.pthread_kill(thread, number)
