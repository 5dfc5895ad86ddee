"""A chore that waits for others than Redis, such as a storage: its ticks are made in a thread, one after another.

The daemon's other chores have their turn meanwhile. A thread that waits when the daemon ends is ended with it, which
such a chore must bear, as it bears that the daemon is killed.
"""

import threading

from broker.daemon.loop import Chore

#: Seconds between two looks at whether the thread is done.
_LOOK = 0.1


class Apart:
    """Ticks as the chore does, and asks to be called again while that goes on."""

    def __init__(self, chore: Chore) -> None:
        self.name = chore.name
        self._chore = chore
        self._thread: threading.Thread | None = None
        self._pause = 0.0
        #: Of the last tick that ended; it is told for as long as no later one has ended well.
        self._error: Exception | None = None

    def tick(self) -> float:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        self._thread.join(_LOOK / 100)
        pause = _LOOK
        if not self._thread.is_alive():
            self._thread, pause = None, self._pause
        if self._error is not None:
            raise self._error
        return pause

    def _run(self) -> None:
        try:
            self._pause = self._chore.tick()
        except Exception as error:
            self._error = error
        else:
            self._error = None
