"""Ends the streams whose key has ended: nobody who was shut out goes on listening."""

import logging
import threading
from collections.abc import Callable, Iterable

from broker.access.records import Credential
from broker.errors import Unavailable
from gateway.live.connection import Connection
from gateway.live.frames import notice
from gateway.live.hub import Hub

log = logging.getLogger(__name__)
#: Seconds between two looks at the keys of all open streams.
EVERY = 2.0


class KeyWatch:
    """One thread for all streams of a process; it starts with the first, so that a process may fork before."""

    def __init__(
        self, hub: Hub, valid: Callable[[Iterable[Credential]], set[Credential]], every: float = EVERY
    ) -> None:
        """``valid`` answers those credentials that still are, or raises ``Unavailable``."""
        self._hub, self._valid, self._every = hub, valid, every
        self._changed = threading.Condition()
        self._open: dict[Connection, Credential] = {}
        self._thread: threading.Thread | None = None

    def look_after(self, connection: Connection, credential: Credential) -> None:
        """From now on, until the connection ends."""
        with self._changed:
            self._open[connection] = credential
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="key watch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def look(self) -> None:
        """Ends those streams whose key is not valid any more; while that cannot be asked, none."""
        with self._changed:
            self._open = {each: credential for each, credential in self._open.items() if not each.done}
            open_now = dict(self._open)
        if not open_now:
            return
        try:
            valid = self._valid(set(open_now.values()))
        except Unavailable:
            return
        for connection, credential in open_now.items():
            if credential not in valid:
                connection.offer(notice("key_ended"), last=True)
                self._hub.look_at(connection)

    def _watch(self) -> None:
        stop = threading.Event()  # never set: the thread ends with its process
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._open)
            stop.wait(self._every)
            try:
                self.look()
            except Exception:
                log.exception("looking after the keys of event streams failed")
