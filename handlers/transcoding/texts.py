"""Finds the subtitle tracks of a file that hold text, in the decoder."""

import re
from dataclasses import asdict
from typing import Any

import av
from av.container import InputContainer

from broker.captions.caption import MAX_LABEL, language_tag
from handlers.media.opening import open_as
from handlers.transcoding.text_track import TextTrack

#: What ffmpeg can write as WebVTT; the others are pictures of text.
TEXT_CODECS = frozenset({"ass", "ssa", "subrip", "srt", "mov_text", "webvtt", "text"})
_SPACE = re.compile(r"\s+")


def find(path: str, demuxer: str) -> list[dict[str, Any]]:
    """The text tracks of the file, as plain values; none of one that cannot be read."""
    try:
        with open_as(path, demuxer) as container:
            return [asdict(each) for each in text_tracks(container)]
    except MemoryError:
        raise
    except av.FFmpegError:
        return []


def text_tracks(container: InputContainer) -> list[TextTrack]:
    """Those of an open file, in its order."""
    return [
        TextTrack(stream.index, language, _label(stream.metadata.get("title", "")) or language)
        for stream in container.streams.subtitles
        if stream.codec_context and stream.codec_context.name in TEXT_CODECS
        for language in [language_tag(stream.language or "")]
    ]


def _label(title: str) -> str:
    """The title on one line, without what cannot be printed."""
    return "".join(filter(str.isprintable, _SPACE.sub(" ", title))).strip()[:MAX_LABEL]
