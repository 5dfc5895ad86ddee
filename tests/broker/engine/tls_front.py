"""TLS before Redis, as services that rent it out have it: ``rediss://``."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme


@contextmanager
def tls_front(target: tuple[str, int], ca: Path | None = None) -> Iterator[str]:
    """The URL of a front that speaks TLS, and forwards to ``target``.

    Its certificate is of a CA of its own, which is written to ``ca`` and named in the URL, or else is not asked for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if ca:
        authority.cert_pem.write_to_path(ca)
    trust = f"ssl_ca_certs={ca}" if ca else "ssl_cert_reqs=none"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, target), daemon=True).start()
        try:
            yield f"rediss://127.0.0.1:{listener.getsockname()[1]}/0?{trust}"
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
