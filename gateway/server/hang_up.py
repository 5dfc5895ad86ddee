"""Who wants to know that a client has gone, while its request is worked on."""

import threading
from collections.abc import Callable


class HangUp:
    """Happens once, or never. Any thread may listen."""

    def __init__(self) -> None:
        self.happened = False
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, act: Callable[[], None]) -> None:
        """``act`` is called when it happens, or now if it has; it must not block."""
        with self._lock:
            if not self.happened:
                self._listeners.append(act)
                return
        act()

    def forget(self) -> None:
        """At the end of a request, nobody listens any more."""
        self._listeners.clear()

    def happen(self) -> None:
        """For the thread that reads."""
        with self._lock:
            self.happened = True
            listeners, self._listeners = self._listeners, []
        for act in listeners:
            act()
