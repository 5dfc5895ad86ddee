"""A TCP proxy before Redis that now and then cuts a connection instead of delivering a reply.

The server has done what it was asked then, and the client cannot know: the failure for which every script has to be
idempotent.
"""

import random
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_CHUNK = 1 << 16


class ReplyDroppingProxy:
    """Listens on ``port`` and cuts one in ``1 / share`` replies; ``dropped`` counts them."""

    def __init__(self, target: tuple[str, int], share: float, seed: int) -> None:
        self.share = share
        self.dropped = 0
        self._target = target
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator["ReplyDroppingProxy"]:
        """Serves until the end of the block."""
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(client)
            server = stack.enter_context(socket.create_connection(self._target))
            ready = stack.enter_context(selectors.DefaultSelector())
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr]
                    if not data or (key.fileobj is server and self._drops()):
                        return
                    key.data.sendall(data)

    def _drops(self) -> bool:
        if self._random.random() >= self.share:
            return False
        self.dropped += 1
        return True
