"""TLS before Redis, as services that rent it out have it: ``rediss://``."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trustme


@contextmanager
def tls_front(target: tuple[str, int]) -> Iterator[str]:
    """The URL of a front that speaks TLS under a certificate of its own, and forwards to ``target``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, target), daemon=True).start()
        try:
            yield f"rediss://127.0.0.1:{listener.getsockname()[1]}/0?ssl_cert_reqs=none"
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    with suppress(OSError):
        while True:
            plain = listener.accept()[0]
            try:
                client = context.wrap_socket(plain, server_side=True)
            except OSError:  # whoever came does not trust us, or speaks no TLS
                plain.close()
                continue
            server = socket.create_connection(target)
            for ends in ((client, server), (server, client)):
                threading.Thread(target=_forward, args=ends, daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with source, sink:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for end in (source, sink):  # closing alone would not end the other direction's wait
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
