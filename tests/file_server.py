"""Files on loopback, served as badly as a test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Files:
    """What is served, and what was asked for."""

    port: int = 0
    content: bytes = b""
    tag: str = '"one"'
    #: Bytes after which the connection is cut, for each request in turn; then none is.
    cuts: list[int] = field(default_factory=list)
    #: Statuses instead, for each request in turn.
    statuses: list[int] = field(default_factory=list)
    #: Where ``/moved`` leads.
    location: str = ""
    #: ``Range`` and path of each request.
    ranges: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    announces_length: bool = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/file.mp4?token=secret"


@contextmanager
def serving_files() -> Iterator[Files]:
    """Until the block ends."""
    files = Files()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(files, self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        files.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield files
        server.shutdown()
        thread.join()


def _answer(files: Files, handler: BaseHTTPRequestHandler) -> None:
    wanted = handler.headers.get("Range")
    files.ranges.append(wanted)
    files.paths.append(handler.path)
    if handler.path.startswith("/moved"):
        handler.send_response(302)
        handler.send_header("Location", files.location)
        handler.end_headers()
        return
    if files.statuses:
        handler.send_response(files.statuses.pop(0))
        handler.end_headers()
        return
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
    if handler.headers.get("If-Range") != files.tag:
        start = 0
    body = files.content[start:]
    handler.send_response(206 if start else 200)
    handler.send_header("ETag", files.tag)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(files.content) - 1}/{len(files.content)}")
    if files.announces_length:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: files.cuts.pop(0)] if files.cuts else body)
