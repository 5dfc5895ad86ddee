"""AssemblyAI's documented protocol on loopback, with its errors on demand and a count of what would be paid."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "0123456789abcdef-the-secret-key"
#: Of the same account, and of another one.
ROTATED_KEY, OTHER_KEY = "fedcba9876543210-the-secret-key", "0123456789abcdef-of-another-account"
#: When everything was ordered, as the service writes it; about when the tests' clock begins.
NOW = "2023-11-14T22:13:20.586965"
_ACCOUNTS = {KEY: "ours", ROTATED_KEY: "ours", OTHER_KEY: "other"}

#: (status, body, headers); a dict or list becomes JSON, ``None`` closes the connection without an answer.
Answer = tuple[int, Any, dict[str, str]] | None


def _set(event: Event) -> Event:
    event.set()
    return event


@dataclass
class Service:
    """What the service has, did, and will answer instead of working."""

    url: str = ""
    #: ``"METHOD /path prefix"`` -> answers to give first, in order.
    planned: dict[str, list[Answer]] = field(default_factory=dict)
    #: Do the work of the next such request, then lose the answer.
    lost_answers: set[str] = field(default_factory=set)
    #: Statuses that one look after the other finds; the last one stays.
    statuses: list[str] = field(default_factory=lambda: ["queued", "processing", "completed"])
    error: str | None = None
    text: str = "Smoke from hundreds of wildfires."
    words: list[dict[str, Any]] = field(
        default_factory=lambda: [{"text": "Smoke", "start": 250, "end": 650, "confidence": 0.97, "speaker": None}]
    )
    uploads: dict[str, bytes] = field(default_factory=dict)
    #: How many looks at the list do not show the newest order yet, and at a transcript do not find it yet.
    unlisted_looks: int = 0
    unknown_looks: int = 0
    #: Transcripts of which only the shell is left.
    deleted: set[str] = field(default_factory=set)
    #: Address of an upload or id of a transcript -> the account that it belongs to.
    owners: dict[str, str] = field(default_factory=dict)
    #: Newest last.
    orders: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    upload_encoding: str | None = None
    #: Set when an order was made; its answer waits for the second.
    ordered: Event = field(default_factory=Event)
    answering: Event = field(default_factory=lambda: _set(Event()))

    def upload(self, account: str, data: bytes) -> Answer:
        url = f"https://cdn.assemblyai.com/upload/{len(self.uploads)}"
        self.uploads[url] = data
        self.owners[url] = account
        return 200, {"upload_url": url}, {}

    def create(self, account: str, body: dict[str, Any]) -> Answer:
        if self.owners.get(body["audio_url"]) != account:
            return 403, {"error": "Cannot access uploaded file"}, {}
        self.orders.append({"id": f"transcript-{len(self.orders)}", **body})
        self.owners[self.orders[-1]["id"]] = account
        self.ordered.set()
        self.answering.wait(60)
        return 200, {"id": self.orders[-1]["id"], "status": "queued", "audio_url": body["audio_url"]}, {}

    def list(self, account: str, query: dict[str, list[str]]) -> Answer:
        newest_first = [order for order in self.orders[::-1] if self.owners.get(order["id"], "ours") == account]
        if self.unlisted_looks:
            self.unlisted_looks -= 1
            newest_first = newest_first[1:]
        if "before_id" in query:
            ids = [order["id"] for order in newest_first]
            newest_first = newest_first[ids.index(query["before_id"][0]) + 1 :]
        page = newest_first[: int(query["limit"][0])]
        shown = [{"created": NOW, "status": "queued", **order} for order in page]
        return 200, {"page_details": {}, "transcripts": shown}, {}

    def look(self, account: str, transcript_id: str) -> Answer:
        if self.unknown_looks or self.owners.get(transcript_id) != account:
            self.unknown_looks = max(0, self.unknown_looks - 1)
            return 400, {"error": "Transcript lookup error, transcript id not found"}, {}
        if transcript_id in self.deleted:
            shell = {"text": "Deleted by user.", "audio_url": "http://deleted_by_user", "words": None}
            return 200, {"id": transcript_id, "status": "completed", **shell}, {}
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        done = {
            "text": self.text,
            "language_code": "en_us",
            "language_confidence": 0.99,
            "confidence": 0.95,
            "audio_duration": 7,
            "speech_model_used": "assemblyai-stt-3-7",
            "words": self.words,
        }
        known = {"id": transcript_id, "status": status, "error": self.error if status == "error" else None}
        return 200, {**known, **(done if status == "completed" else {"text": None})}, {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        service, path = self.service, urlsplit(self.path)
        request = f"{self.command} {path.path}"
        service.requests.append(request)
        body = self._body()
        for begins, answers in service.planned.items():
            if request.startswith(begins) and answers:
                return self._answer(answers.pop(0))
        account = _ACCOUNTS.get(self.headers["Authorization"] or "")
        if account is None:
            return self._answer((401, {"error": "Authentication error, API token missing/invalid"}, {}))
        work: dict[str, Callable[[], Answer]] = {
            "POST /v2/upload": lambda: service.upload(account, body),
            "POST /v2/transcript": lambda: service.create(account, json.loads(body)),
            "GET /v2/transcript": lambda: service.list(account, parse_qs(path.query)),
        }
        answer = work.get(request, lambda: service.look(account, path.path.rpartition("/")[2]))()
        if request in service.lost_answers:
            service.lost_answers.discard(request)
            answer = None
        return self._answer(answer)

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.service.upload_encoding = "chunked"
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, answer: Answer) -> None:
        self.close_connection = answer is None
        if answer is None:
            return
        status, body, headers = answer
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # whoever asked may be dead
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read ``Service.requests`` instead."""


@contextmanager
def serve() -> Iterator[Service]:
    """The service, up while the context lasts."""
    service = Service()
    handler = type("Handler", (_Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        service.answering.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
