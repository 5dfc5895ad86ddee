"""``mindia captions``"""

from pathlib import Path
from typing import Any
from uuid import UUID

import click

from scripts.cli.command import Call, command
from scripts.cli.failure import Usage
from scripts.cli.form import FormFile
from scripts.cli.table import Column
from scripts.cli.words import clean

_COLUMNS = [Column("ID"), Column("LANGUAGE"), Column("FROM"), Column("CUES", right=True), Column("LABEL")]
_VIDEO = click.argument("video_id", metavar="VIDEO", type=click.UUID)


@click.group("captions", short_help="List, add and delete captions of videos")
def captions_command() -> None:
    """List, add and delete captions of videos. Players show them from when they next open the video."""


@command("list", captions_command)
@_VIDEO
def list_captions(call: Call, video_id: UUID) -> None:
    """List the captions of a video, in the order in which players do."""
    answer = call.api.get(_path(video_id))
    captions = answer["captions"]
    if call.out.data(answer, (each["id"] for each in captions)):
        return
    if not captions:
        call.out.note(f"No captions yet: mindia captions add {video_id} FILE --language en")
        return
    call.out.table(_COLUMNS, map(_row, captions))


def _row(caption: dict[str, Any]) -> tuple[str, ...]:
    source = clean(caption["source"])
    return caption["id"], clean(caption["language"]), source, str(caption["cues"]), clean(caption["label"])


@command("add", captions_command)
@_VIDEO
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--language", metavar="TAG", required=True, help="A language tag: en, pt-BR, zh-Hant.")
@click.option("--label", metavar="TEXT", help="What players call it; the language if left out.")
def add_captions(call: Call, video_id: UUID, file: Path, language: str, label: str | None) -> None:
    """Add captions from a FILE of SubRip (.srt) or WebVTT (.vtt)."""
    words = {"language": language} | ({"label": label} if label else {})
    try:
        form = FormFile(file, words, lambda _: None)
        headers = {"Content-Type": form.content_type}
        caption = call.api.call("POST", _path(video_id), data=form, headers=headers)
    except OSError as error:
        raise Usage(f"{file} cannot be read ({error.strerror}).") from error
    if not call.out.data(caption, [caption["id"]]):
        cues = f"{caption['cues']} cue{'' if caption['cues'] == 1 else 's'}"
        call.out.line(f"{caption['id']}  {clean(caption['language'])}  {clean(caption['label'])}  {cues}")


@command("delete", captions_command)
@_VIDEO
@click.argument("caption_ids", metavar="CAPTIONS...", nargs=-1, required=True, type=click.UUID)
def delete_captions(call: Call, video_id: UUID, caption_ids: tuple[UUID, ...]) -> None:
    """Delete captions, by the ids that are listed."""

    def act(each: str) -> None:
        call.api.call("DELETE", f"{_path(video_id)}/{each}")
        if not call.out.data(None, [each]):
            call.out.line(f"{each}  deleted")

    call.for_each(map(str, caption_ids), act)


def _path(video_id: UUID) -> str:
    return f"/api/videos/{video_id}/captions"
