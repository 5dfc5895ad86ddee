"""``mindia upload``"""

import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import click

from scripts.cli.command import Call, command
from scripts.cli.failure import Usage
from scripts.cli.form import FormFile
from scripts.cli.result import wait_for
from scripts.cli.words import by, clean, from_now, seconds_in, size

_KINDS = ("video", "image", "audio", "document")
#: Ends of names that do not say "text" or "audio" to whoever knows them all.
_DOCUMENTS = frozenset({".pdf", ".docx", ".md", ".markdown", ".srt", ".vtt", ".html", ".htm", ".txt"})


@command("upload", short_help="Upload videos, images, audio files, documents")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--as", "kind", type=click.Choice(_KINDS), help="What they are, where their names do not tell.")
@click.option("--group", metavar="NAME", help="Your end user, say: groups share alike what you get.")
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
@click.option("--timeout", metavar="SPAN", help="Wait no longer than this: 90s, 5m.")
def upload_command(
    call: Call, files: tuple[Path, ...], kind: str | None, wait: bool, timeout: str | None, **given: Any
) -> None:
    """Upload videos, to be transcoded, and images, audio files and documents, all to be found by search.

    With -q: the ids of their tasks.

    \b
    mindia upload clip.mp4 --wait
    mindia upload clip.mp4 --then checksum --no-embed
    mindia upload clip.mp4 --profile small
    mindia upload report.pdf talk.mp3
    """
    sent: list[dict[str, Any]] = []
    words, wait = _words(**given), wait or bool(timeout)
    call.for_each(map(str, files), lambda each: sent.append(_upload(call, Path(each), kind, words, wait=wait)))
    if wait:
        _wait(call, sent, timeout)


def _words(
    group: str | None,
    then: tuple[str, ...],
    drop_source: bool,
    embed: bool | None,
    profile: str | None,
    passthrough: bool,
    **times: str | None,
) -> dict[str, str]:
    """What a form has beside its file."""
    deadline, expires = times["deadline"], times["expires"]
    named = {
        "group": group,
        "deadline": by(deadline) if deadline else None,
        "then": json.dumps(then) if then else None,
        "expires_at": from_now(seconds_in(expires)) if expires else None,
        "keep_source": "false" if drop_source else None,
        "profile": profile,
        "passthrough": "true" if passthrough else None,
        "embed": None if embed is None else str(embed).lower(),
    }
    return {name: value for name, value in named.items() if value is not None}


def _upload(call: Call, path: Path, kind: str | None, words: Mapping[str, str], *, wait: bool) -> dict[str, Any]:
    kind = kind or _kind_of(path)
    if kind not in _KINDS:
        raise Usage(f"{path.name} does not tell what it is: add --as {', '.join(_KINDS[:-1])} or {_KINDS[-1]}.")
    try:
        with _progress(call, path) as on_sent:
            form = FormFile(path, words, on_sent)
            headers = {"Content-Type": form.content_type}
            media: dict[str, Any] = call.api.call("POST", f"/api/{kind}s", data=form, headers=headers)
    except OSError as error:
        raise Usage(f"{path} cannot be read ({error.strerror}).") from error
    if wait and call.out.quiet:
        return media  # its task is named when it has ended
    if not call.out.record(media, media["task_id"] or media["id"]):
        call.out.line(f"{media['id']}  {kind}  {clean(media['filename'])}  {size(media['size'])}")
        if media["task_id"] and not wait:
            call.out.note(f"Watch it: mindia watch {media['task_id']}")
        if media["flow"]:
            call.out.note(f"What follows: mindia list --flow {media['flow']}")
    return media


def _kind_of(path: Path) -> str:
    if path.suffix.lower() in _DOCUMENTS:
        return "document"
    return (mimetypes.guess_type(path.name)[0] or "").partition("/")[0]


@contextmanager
def _progress(call: Call, path: Path) -> Iterator[Callable[[int], object]]:
    if not call.out.on_terminal or call.out.as_json or call.out.quiet:
        yield lambda _: None
        return
    with import_module("scripts.cli.bars").sending(clean(path.name), path.stat().st_size) as on_sent:
        yield on_sent


def _wait(call: Call, sent: list[dict[str, Any]], timeout: str | None) -> None:
    wait_for(call, [media["task_id"] for media in sent if media["task_id"]], timeout)
    for media in sent:
        if "hls_url" in media and not (call.out.as_json or call.out.quiet):
            call.out.line(f"Play it: {urljoin(call.api.access.url, media['hls_url'])}")
