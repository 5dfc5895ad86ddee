"""A folder over HTTP, with byte ranges, on loopback; ``/watch/this`` leads to its master playlist."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

_TYPES = {".html": "text/html", ".mjs": "text/javascript", ".m3u8": "application/vnd.apple.mpegurl"}


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Its address, without a slash at the end."""

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/watch/this":
                self.send_response(302)
                self.send_header("Location", "/master.m3u8")
                self.end_headers()
                return
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data, asked = path.read_bytes(), re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked:
                data = data[int(asked[1]) : int(asked[2]) + 1]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Type", _TYPES.get(path.suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
