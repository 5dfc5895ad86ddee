"""``mindia upload``"""

import json
import mimetypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import click

from scripts.cli.command import Call, command
from scripts.cli.failure import KEY_REFUSED, NO_SERVER, Failure, Usage
from scripts.cli.form import FormFile
from scripts.cli.media import KINDS
from scripts.cli.memory import Memory
from scripts.cli.result import Unsaid, wait_for
from scripts.cli.resumable import LARGE, Resumable, Source, may_resume
from scripts.cli.words import by, clean, from_now, seconds_in, size

#: What names of files that can be uploaded end with; not all systems know them, and some know ".ts" for a text.
_ENDS = {
    "video": "3g2 3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv",
    "image": "avif gif heic heif jpeg jpg png webp",
    "audio": "aac ac3 aif aiff amr au caf eac3 flac m4a m4b mka mp2 mp3 oga ogg opus snd spx wav weba wma",
    "document": "docx htm html markdown md pdf srt txt vtt",
}
_KIND_BY_END = {f".{end}": kind for kind, ends in _ENDS.items() for end in ends.split()}
Words = Mapping[str, Any]


@command("upload", short_help="Upload videos, images, audio files, documents")
@click.argument("sources", metavar="FILE|URL...", nargs=-1, required=True)
@click.option("--as", "kind", type=click.Choice(KINDS), help="What they are, where their names do not tell.")
@click.option("--group", metavar="NAME", help="Your end user, say: groups share alike what you get.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="To find them and their tasks by; may be repeated.")
@click.option("--then", metavar="NAME", multiple=True, help="A plugin to follow, or embedding; may be repeated.")
@click.option("--deadline", metavar="WHEN", help="Of no use unless its task starts within so long (15m), or by a time.")
@click.option("--expires", metavar="SPAN", help="It is deleted after so long, with all that was made of it: 12h, 30d.")
@click.option("--drop-source", is_flag=True, help="Keep a video's uploaded file no longer than it is needed.")
@click.option("--embed/--no-embed", default=None, help="Make them searchable, or leave them out of search.")
@click.option(
    "--profile", metavar="NAME", help="How videos are encoded: small, high, hevc, av1 or one of your operator's."
)
@click.option("--passthrough", is_flag=True, help="Keep a video's own pictures as the largest rendition, if they fit.")
@click.option("--wait", is_flag=True, help="Wait until they are transcoded or embedded.")
@click.option("--timeout", type=seconds_in, metavar="SPAN", help="Wait no longer than this: 90s, 5m.")
def upload_command(
    call: Call, sources: tuple[str, ...], kind: str | None, wait: bool, timeout: float | None, **given: Any
) -> None:
    """Upload videos, to be transcoded, and images, audio files and documents, all to be found by search.

    Files above 8 MiB go in pieces: after a broken connection, or Ctrl-C and the same command again, the rest is sent.
    What is at an http or https URL, the gateway fetches itself. With -q: the ids of their tasks.

    \b
    mindia upload clip.mp4 --wait
    mindia upload clip.mp4 --then checksum --no-embed
    mindia upload clip.mp4 --profile small
    mindia upload report.pdf https://files.example.com/talk.mp3
    """
    sent: list[tuple[str, dict[str, Any]]] = []
    words, asked, wait = _words(**given), repr(sorted(given.items())), wait or timeout is not None

    def upload(source: str) -> None:
        kind_of = find_kind(source, kind)
        with _named(source):
            one = (call, source, kind_of, words)
            media = _fetch(*one) if _is_url(source) else _send(*one, asked)
        sent.append((kind_of, media))
        if not (wait and (call.out.as_json or call.out.quiet)):  # it is told when its task has ended
            _say(call, media, kind_of, wait=wait)

    failed = None
    try:
        try:
            call.for_each(sources, upload)
        except click.exceptions.Exit as some:
            failed = some
        if wait:
            _wait(call, [media for _, media in sent], timeout)
    finally:
        for kind_of, media in sent if wait and call.out.as_json else ():
            call.out.record(_as_it_is(call, kind_of, media))
    if failed:
        raise failed


def _words(
    group: str | None,
    tags: tuple[str, ...],
    then: tuple[str, ...],
    drop_source: bool,
    embed: bool | None,
    profile: str | None,
    passthrough: bool,
    **times: str | None,
) -> dict[str, Any]:
    """What is said of a file beside its bytes, as JSON values."""
    deadline, expires = times["deadline"], times["expires"]
    named = {
        "group": group,
        "tags": list(tags) or None,
        "deadline": by(deadline) if deadline else None,
        "then": list(then) or None,
        "expires_at": from_now(seconds_in(expires)) if expires else None,
        "keep_source": False if drop_source else None,
        "profile": profile,
        "passthrough": passthrough or None,
        "embed": embed,
    }
    return {name: value for name, value in named.items() if value is not None}


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def find_kind(source: str, told: str | None) -> str:
    """Raises ``Usage``."""
    name = urlsplit(source).path if _is_url(source) else source
    guessed = (mimetypes.guess_type(name)[0] or "").partition("/")[0]
    kind = told or _KIND_BY_END.get(Path(name).suffix.lower(), guessed)
    if kind not in KINDS:
        raise Usage(
            f"{Path(name).name or source} does not tell what it is: add --as {', '.join(KINDS[:-1])} or {KINDS[-1]}."
        )
    return kind


@contextmanager
def _named(source: str) -> Iterator[None]:
    """What the gateway says of one file names it: there may be many."""
    try:
        yield
    except Usage:
        raise
    except Failure as failure:
        if failure.status not in (KEY_REFUSED, NO_SERVER):
            failure.message = f"{source}: {failure.message.removeprefix('file: ')}"
            failure.problem = {**failure.problem, "file": source}
        raise


def _fetch(call: Call, url: str, kind: str, words: Words) -> dict[str, Any]:
    media: dict[str, Any] = call.api.post(f"/api/{kind}s", {"url": url, **words})
    return media


def _send(call: Call, source: str, kind: str, words: Words, asked: str) -> dict[str, Any]:
    """Large files in pieces, others as a form. Raises ``Usage`` for what cannot be read."""
    path = Path(source)
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in words.items()}
    try:
        with _progress(call, path) as on_sent:
            if path.stat().st_size > LARGE and may_resume(call.api):
                sending = Resumable(call.api, Memory(os.environ), on_sent, call.out.note)
                return sending.send(Source(path, kind, written, asked))
            form = FormFile(path, written, on_sent)
            headers = {"Content-Type": form.content_type}
            media: dict[str, Any] = call.api.call("POST", f"/api/{kind}s", data=form, headers=headers)
    except OSError as error:
        raise Usage(f"{path} cannot be read ({error.strerror}).") from error
    return media


@contextmanager
def _progress(call: Call, path: Path) -> Iterator[Callable[[int], object]]:
    if not call.out.on_terminal or call.out.as_json or call.out.quiet:
        yield lambda _: None
        return
    with import_module("scripts.cli.bars").sending(clean(path.name), path.stat().st_size) as on_sent:
        yield on_sent


def _say(call: Call, media: dict[str, Any], kind: str, *, wait: bool) -> None:
    if call.out.record(media, media["task_id"] or media["id"]):
        return
    shown = "to be fetched" if media["size"] is None else size(media["size"])
    call.out.line(f"{media['id']}  {kind}  {clean(media['filename'])}  {shown}")
    if media["task_id"] and not wait:
        call.out.note(f"Watch it: mindia watch {media['task_id']}")
    if media["flow"]:
        call.out.note(f"What follows: mindia list --flow {media['flow']}")


def _wait(call: Call, sent: list[dict[str, Any]], timeout: float | None) -> None:
    files = {media["task_id"]: media["filename"] for media in sent if media["task_id"]}
    if files:  # without any, all tasks of the tenant would be watched
        wait_for(call, list(files), timeout, Unsaid, files)
    for media in sent:
        if "hls_url" in media and not (call.out.as_json or call.out.quiet):
            call.out.line(f"Play it: {urljoin(call.api.access.url, media['hls_url'])}")


def _as_it_is(call: Call, kind: str, media: dict[str, Any]) -> dict[str, Any]:
    """The file as it is now; as it was answered when it was sent, where it cannot be read."""
    with suppress(Failure):
        return call.api.get(f"/api/{kind}s/{media['id']}")  # type: ignore[no-any-return]
    return media
