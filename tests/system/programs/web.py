"""A gateway for tests of the process manager: answers ``/readyz`` and says which ``PORT`` it was given."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == os.environ.get("SCRIPT_NAME", "") + "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


print("web has PORT", os.environ["PORT"], flush=True)
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Ready).serve_forever()
