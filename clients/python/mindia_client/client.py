"""The client: tasks and files of a tenant, over HTTP."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar, Unpack, overload

import httpx

from mindia_client.errors import NoAnswer, TaskFailed, WaitTimeout
from mindia_client.events import Event, stream
from mindia_client.new_task import NewTask
from mindia_client.resumable import LARGE, OnProgress, Resumable, size_of
from mindia_client.sending import Sender
from mindia_client.types import (
    Audio,
    Caption,
    ChangeTask,
    Document,
    Flow,
    Hit,
    Image,
    LogLine,
    LogPage,
    Operation,
    Options,
    Quote,
    SearchResults,
    TaskDetail,
    TaskInList,
    TaskStats,
    Video,
)

R = TypeVar("R")
#: Seconds for which the gateway keeps a question open until a status changes; and tasks of a page.
_LONGEST_WAIT, _PAGE = 25, 100
#: Seconds between two looks at an operation.
_LOOK = 0.5
#: Lines of a page of a log; hits of a page of a search.
_LINES, _HITS = 1000, 100
#: Where files are uploaded to, and what they are.
_KINDS = {f"/api/{kind}s": kind for kind in ("video", "image", "audio", "document")}


class Client:
    """One gateway, as the owner of one key sees it. Use it from several threads, and close it: ``with Client() as …``.

    Answers are JSON as the API writes it, typed by ``mindia_client.types``. Every method may raise ``Problem`` and
    ``NoAnswer``. What is safe to repeat is repeated while it may help, for up to ``patience`` seconds: creations too,
    because each carries an Idempotency-Key.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        patience: float = 60.0,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``url`` and ``key`` are those of ``MINDIA_URL`` and ``MINDIA_KEY`` unless given; ``timeout`` in seconds of
        silence."""
        address = (url or os.environ.get("MINDIA_URL") or "http://127.0.0.1:8000").rstrip("/")
        secret = key or os.environ.get("MINDIA_KEY")
        if not secret:
            raise ValueError("no API key: pass key=, or set MINDIA_KEY")
        self._http = httpx.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {secret}", "User-Agent": "mindia-client-python"},
            timeout=httpx.Timeout(timeout, connect=10),
            transport=transport,
        )
        self._patience, self._sleep = patience, sleep
        self._sender = Sender(self._http, patience, sleep)
        self._scopes: list[str] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends its connections."""
        self._http.close()

    # tasks ------------------------------------------------------------------------------------------------------

    @overload
    def submit(
        self, task: NewTask[R], *, idempotency_key: str | None = None, **options: Unpack[Options]
    ) -> TaskDetail[R]: ...
    @overload
    def submit(
        self, task: str, payload: Mapping[str, Any], *, idempotency_key: str | None = None, **options: Unpack[Options]
    ) -> TaskDetail[Any]: ...
    def submit(
        self, task: NewTask[Any] | str, payload: Any = None, *, idempotency_key: str | None = None, **options: Any
    ) -> Any:
        """The task, accepted: a ``NewTask`` that ``mindia_client.types`` makes, or a type by name and its payload.

        Under an ``idempotency_key`` it is created once, however often this is called.
        """
        return self._create("/api/tasks", new_task(task, payload, **options), idempotency_key)

    def submit_many(
        self, tasks: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[TaskDetail[Any]]:
        """Up to 1,000 of ``new_task``, accepted all or none."""
        found: list[TaskDetail[Any]] = self._create("/api/tasks/batch", {"tasks": list(tasks)}, idempotency_key)[
            "tasks"
        ]
        return found

    def get(self, task_id: str) -> TaskDetail[Any]:
        """The task as it is now."""
        found: TaskDetail[Any] = self.call("GET", f"/api/tasks/{task_id}")
        return found

    def tasks(self, **filters: Any) -> Iterator[TaskInList[Any]]:
        """All that match (``status``, ``type``, ``flow``, ``tag``, ``error``, …), newest first, page by page.

        ``status``, ``type`` and ``ids`` may be several, with commas; ``order`` is ``created_at`` for oldest first. What
        is submitted meanwhile is left out; a task may be missing that was deleted or has left the filter.
        """
        cursor: str | None = ""
        while cursor is not None:
            page = self.call("GET", "/api/tasks", params={**filters, "limit": _PAGE, "cursor": cursor})
            yield from page["tasks"]
            cursor = page["next_cursor"]

    def stats(self) -> TaskStats:
        """How many tasks there are, by status and type."""
        found: TaskStats = self.call("GET", "/api/tasks/stats")
        return found

    @overload
    def wait(self, task: TaskDetail[R], timeout: float | None = None) -> TaskDetail[R]: ...
    @overload
    def wait(self, task: str, timeout: float | None = None) -> TaskDetail[Any]: ...
    def wait(self, task: Any, timeout: float | None = None) -> Any:
        """The task once it has ended, well or badly. Raises ``WaitTimeout`` after ``timeout`` seconds."""
        task_id = task if isinstance(task, str) else task["id"]
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _LONGEST_WAIT if end is None else min(_LONGEST_WAIT, end - time.monotonic())
            query = {"wait": max(1, int(left))} if left >= 1 else {}
            found = self.call("GET", f"/api/tasks/{task_id}", params=query)
            if found["completed_at"] is not None:
                return found
            if end is not None and time.monotonic() >= end:
                raise WaitTimeout(f"{found['type']} {task_id} is {found['status']} after {timeout:g} s")
            if not query:
                self._sleep(max(0.01, left))

    def result(self, task: TaskDetail[R], timeout: float | None = None) -> R:
        """What the task makes, once it is completed. Raises ``TaskFailed`` where it ends otherwise, ``WaitTimeout``."""
        ended = self.wait(task, timeout)
        if ended["status"] != "completed":
            raise TaskFailed(ended)
        made: R = ended["result"]  # type: ignore[assignment]
        return made

    def watch(self, task_id: str | None = None, *, last_id: str = "") -> Iterator[Event]:
        """What happens to the task until it has ended, or to all of the tenant's for ever, as it happens."""
        path = f"/api/tasks/{task_id}/events" if task_id else "/api/events"
        return stream(self._http, path, last_id, self._patience, of_task=bool(task_id), sleep=self._sleep)

    def logs(self, task_id: str, **options: Any) -> Iterator[LogLine]:
        """What its handler has logged and printed until now, in all its runs or in one ``attempt``."""
        page: LogPage = {"lines": [], "next": options.pop("after", None), "removed": 0}
        while True:
            after = {"after": page["next"]} if page["next"] else {}
            page = self.call("GET", f"/api/tasks/{task_id}/logs", params={**options, **after, "limit": _LINES})
            yield from page["lines"]
            if not page["next"]:
                return

    def change(self, task_id: str, **changes: Unpack[ChangeTask]) -> TaskDetail[Any]:
        """Gives a task that waits another ``priority``, other ``tags``, or another time."""
        found: TaskDetail[Any] = self.call("PATCH", f"/api/tasks/{task_id}", json=changes, repeatable=True)
        return found

    def cancel(self, task_id: str, *, force: bool = False) -> str:
        """Ends a waiting task, with ``force`` a running one too; its status."""
        query = {"force": "true"} if force else {}
        answer = self.call("POST", f"/api/tasks/{task_id}/cancel", params=query, repeatable=True)
        return str(answer["status"])

    def retry(self, task_id: str, *, force: bool = False) -> str:
        """Runs a failed task again, with ``force`` also one whose retries are used; its status."""
        answer = self.call("POST", f"/api/tasks/{task_id}/retry", params={"force": "true"} if force else {})
        return str(answer["status"])

    def delete(self, task_id: str) -> None:
        """Removes a task that has ended."""
        self.call("DELETE", f"/api/tasks/{task_id}")

    def quote(
        self, task: NewTask[Any] | str, payload: Mapping[str, Any] | None = None, **options: Unpack[Options]
    ) -> Quote:
        """When such a task would start and end; nothing is stored."""
        found: Quote = self.call("POST", "/api/quotes", json=new_task(task, payload, **options), repeatable=True)
        return found

    def flow(self, flow_id: str) -> Flow:
        """How the tasks of a flow stand."""
        found: Flow = self.call("GET", f"/api/flows/{flow_id}")
        return found

    # files ------------------------------------------------------------------------------------------------------

    def upload_video(self, file: str | Path | IO[bytes], name: str = "", **options: Any) -> Video:
        """The video, stored, with its ``task_id``; of an open file all of it.

        ``options``: ``then`` (names), ``group``, ``tags``, ``deadline``, ``expires_at``, ``keep_source``, ``embed``,
        ``profile``, ``ladder``, ``codec``, ``quality``, ``normalize_audio``, ``passthrough``,
        ``idempotency_key``;
        ``on_progress(there, size)`` is told how many bytes are there.

        Files above 8 MiB go in pieces: after a broken connection the rest is sent, as long as something comes of it
        within ``patience``. Under an ``idempotency_key`` the same call again, by another process too, goes on where
        the first stopped.
        """
        found: Video = self._upload("/api/videos", file, name, **options)
        return found

    def upload_video_from(self, url: str, **options: Any) -> Video:
        """The video at a URL: the answer comes at once, and its task fetches it. ``options`` as above, and
        ``filename``.
        """
        found: Video = self._upload_from("/api/videos", url, **options)
        return found

    def upload_image_from(self, url: str, **options: Any) -> Image:
        """The image likewise."""
        found: Image = self._upload_from("/api/images", url, **options)
        return found

    def upload_audio_from(self, url: str, **options: Any) -> Audio:
        """The audio file likewise."""
        found: Audio = self._upload_from("/api/audios", url, **options)
        return found

    def upload_document_from(self, url: str, **options: Any) -> Document:
        """The document likewise."""
        found: Document = self._upload_from("/api/documents", url, **options)
        return found

    def upload_image(self, file: str | Path | IO[bytes], name: str = "", **options: Any) -> Image:
        """The image likewise."""
        found: Image = self._upload("/api/images", file, name, **options)
        return found

    def upload_audio(self, file: str | Path | IO[bytes], name: str = "", **options: Any) -> Audio:
        """The audio file likewise."""
        found: Audio = self._upload("/api/audios", file, name, **options)
        return found

    def upload_document(self, file: str | Path | IO[bytes], name: str = "", **options: Any) -> Document:
        """The document likewise: text, Markdown, HTML, PDF, docx, subtitles."""
        found: Document = self._upload("/api/documents", file, name, **options)
        return found

    def upload_captions(self, video_id: str, file: str | Path | IO[bytes], language: str, **options: Any) -> Caption:
        """Captions of a video, as SubRip or WebVTT. ``options``: ``label``, ``idempotency_key``."""
        path = f"/api/videos/{video_id}/captions"
        found: Caption = self._upload(path, file, "captions", language=language, **options)
        return found

    def captions(self, video_id: str) -> list[Caption]:
        """The captions of a video, in the order in which players list them."""
        found: list[Caption] = self.call("GET", f"/api/videos/{video_id}/captions")["captions"]
        return found

    def delete_captions(self, video_id: str, caption_id: str) -> None:
        """Takes captions away; those who play the video now keep them."""
        self.call("DELETE", f"/api/videos/{video_id}/captions/{caption_id}")

    def reprocess_video(
        self, video_id: str, *, background: bool = True, options: Mapping[str, Any] | None = None
    ) -> TaskDetail[Any]:
        """The task that transcodes a video again, which plays as it is until then; ``options`` are more of its payload.

        Raises ``NotTranscoded``, ``SourceRemoved``.
        """
        body = {"background": background, "options": dict(options or {})}
        path = f"/api/videos/{video_id}/reprocess"
        found: TaskDetail[Any] = self.call("POST", path, json=body, repeatable=True)
        return found

    def reprocess_videos(
        self,
        *,
        dry_run: bool = False,
        background: bool = True,
        options: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        idempotency_key: str | None = None,
        **selection: Any,
    ) -> Operation:
        """The operation that does so with all that match: ``ids``, or ``uploaded_from`` and ``uploaded_to``, or all.

        A small one has ended with the answer; the gateway's daemon goes on with others, whatever becomes of this
        process. With ``dry_run`` they are only counted. ``tags`` are given to the tasks, to find them by.
        """
        asked = {"action": "reprocess", "filter": selection, "dry_run": dry_run, "background": background}
        body = {**asked, "options": dict(options or {}), "tags": list(tags)}
        found: Operation = self._create("/api/operations", body, idempotency_key)
        return found

    def operation(self, operation_id: str) -> Operation:
        """How far it is: one of ``reprocess_videos``, or of ``/api/operations``."""
        found: Operation = self.call("GET", f"/api/operations/{operation_id}")
        return found

    def wait_operation(self, operation: Operation, timeout: float | None = None) -> Operation:
        """The operation once it has ended. Raises ``WaitTimeout`` after ``timeout`` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while operation["status"] == "running":
            left = _LOOK if end is None else min(_LOOK, end - time.monotonic())
            if left <= 0:
                raise WaitTimeout(f"operation {operation['id']} is running after {timeout:g} s")
            self._sleep(left)
            operation = self.operation(operation["id"])
        return operation

    def video(self, video_id: str) -> Video:
        """The video as it is now, with links that open for a day."""
        found: Video = self.call("GET", f"/api/videos/{video_id}")
        return found

    def image(self, image_id: str) -> Image:
        """The image likewise."""
        found: Image = self.call("GET", f"/api/images/{image_id}")
        return found

    def audio(self, audio_id: str) -> Audio:
        """The audio file likewise."""
        found: Audio = self.call("GET", f"/api/audios/{audio_id}")
        return found

    def document(self, document_id: str) -> Document:
        """The document likewise."""
        found: Document = self.call("GET", f"/api/documents/{document_id}")
        return found

    def delete_video(self, video_id: str) -> None:
        """Removes a video with all that was made of it."""
        self.call("DELETE", f"/api/videos/{video_id}")

    def delete_image(self, image_id: str) -> None:
        """Removes an image likewise."""
        self.call("DELETE", f"/api/images/{image_id}")

    def delete_audio(self, audio_id: str) -> None:
        """Removes an audio file likewise."""
        self.call("DELETE", f"/api/audios/{audio_id}")

    def delete_document(self, document_id: str) -> None:
        """Removes a document likewise."""
        self.call("DELETE", f"/api/documents/{document_id}")

    def search(self, q: str | None = None, *, like: str | None = None, **options: Any) -> SearchResults:
        """What shows or says the words, or is ``like`` a file: one page of it.

        ``options``: ``type``, ``limit``, ``min_similarity``, ``min_relevance``, ``start_date``, ``end_date``,
        ``min_size``, ``max_size``, ``min_duration``, ``max_duration``, ``tag``, ``filename``, ``cursor`` (an answer's
        ``next_cursor``).
        """
        asked = {"q": q, "like": like, **options}
        params = {name: value for name, value in asked.items() if value is not None}
        found: SearchResults = self.call("GET", "/api/search", params=params)
        return found

    def search_by_picture(self, file: str | Path | IO[bytes], name: str = "", **options: Any) -> SearchResults:
        """What is like a picture, which is not kept. ``options`` as above, without ``min_relevance``."""
        found: SearchResults = self._upload("/api/search", file, name, **options)
        return found

    def hits(self, q: str | None = None, *, like: str | None = None, **options: Any) -> Iterator[Hit]:
        """All that ``search`` finds, best first, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.search(q, like=like, **{"limit": _HITS, **options, **cursor})
            yield from page["results"]
            if not page["next_cursor"]:
                return
            cursor = {"cursor": page["next_cursor"]}

    # all else ---------------------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        idempotency_key: str | None = None,
        repeatable: bool = False,
    ) -> Any:
        """Any other operation of the document: its answer as JSON values, ``None`` where there is none."""
        headers = {"Idempotency-Key": _quoted(idempotency_key)} if idempotency_key else {}
        options: dict[str, Any] = {"params": dict(params or {}), "headers": headers}
        if json is not None or method == "POST":
            options["json"] = {} if json is None else json
        repeatable = repeatable or bool(idempotency_key)
        return _json(self._sender.send(method, path, options, repeatable=repeatable))

    def _create(self, path: str, body: Any, key: str | None) -> Any:
        return self.call("POST", path, json=body, idempotency_key=key or str(uuid.uuid4()))

    def _upload_from(self, path: str, url: str, idempotency_key: str | None = None, **options: Any) -> Any:
        return self._create(path, {"url": url, **options}, idempotency_key)

    def _upload(
        self,
        path: str,
        file: str | Path | IO[bytes],
        name: str,
        idempotency_key: str | None = None,
        on_progress: OnProgress | None = None,
        **options: Any,
    ) -> Any:
        if isinstance(file, str | Path):
            with open(file, "rb") as opened:
                return self._upload(path, opened, name or Path(file).name, idempotency_key, on_progress, **options)
        data = {each: _form(value) for each, value in options.items() if value is not None}
        size = size_of(file)
        if size and size > LARGE and path in _KINDS and self._may_read():
            words = {"kind": _KINDS[path], "filename": name or "file", **data}
            sending = Resumable(self._sender, self._patience, on_progress, self._sleep)
            key = _quoted(idempotency_key) if idempotency_key else None
            return self.call("GET", f"{path}/{sending.send(file, size, words, key)}")
        headers = {"Idempotency-Key": _quoted(idempotency_key or str(uuid.uuid4()))}
        arguments = {"headers": headers, "data": data, "files": {"file": (name or "file", file)}}
        # httpx sends what can be sent again from its beginning, each time.
        answer = _json(self._sender.send("POST", path, arguments, repeatable=file.seekable()))
        if on_progress and size:
            on_progress(size, size)
        return answer

    def _may_read(self) -> bool:
        """Whether the key may ask how far an upload is."""
        self._scopes = self._scopes or self.call("GET", "/api/me")["scopes"]
        return "read" in self._scopes


def new_task(
    task: NewTask[Any] | str, payload: Mapping[str, Any] | None = None, **options: Unpack[Options]
) -> dict[str, Any]:
    """A task's body, for ``submit_many``."""
    if isinstance(task, NewTask):
        return {"type": task.type, "payload": task.payload, **options}
    return {"type": task, "payload": payload or {}, **options}


def _json(answer: httpx.Response) -> Any:
    if not answer.content or not answer.is_success:
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise NoAnswer(f"{answer.request.url}: {answer.status_code}, and no JSON of a gateway") from error


def _quoted(key: str) -> str:
    """As a string of a structured field (RFC 9651), which may have spaces."""
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _form(value: Any) -> str:
    """A member of a form: words for truth, JSON for lists."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    return str(value)
