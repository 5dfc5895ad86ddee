"""The master playlist as it is served: what the transcoder has written, and what is known of the video since.

Captions come and go while the rest stays, also while a video is still in the making. So no stored playlist names them:
each is named when it is asked for, by what the video's record says at that moment.
"""

import re
from collections.abc import Sequence
from math import ceil

from broker.captions.caption import Caption

#: The folder of captions, as players see it beside the renditions.
CAPTIONS = "captions"
_GROUP = "captions"
_STREAM = "#EXT-X-STREAM-INF:"
#: A name beside the playlist, but no whole address.
_URI = re.compile(r'\bURI="(?![A-Za-z]+:)')


def below(master: str, folder: str) -> str:
    """The playlist as it reads from above the ``folder`` in which it lies, which is empty or ends with a slash."""
    if not folder:
        return master
    lines = [
        _URI.sub(rf'URI="{folder}', line) if line.startswith("#") else line and folder + line
        for line in master.split("\n")
    ]
    return "\n".join(lines)


def with_captions(master: str, captions: Sequence[Caption], where: str = CAPTIONS) -> str:
    """The playlist with a rendition of subtitles for each, from which each variant may take one (RFC 8216, 4.3.4.1).

    ``where`` captions are, as seen from the playlist.
    """
    if not captions:
        return master
    lines: list[str] = []
    named = False
    for line in master.splitlines():
        if line.startswith(_STREAM):
            lines += [] if named else _media(captions, where)
            named = True
            line = f'{line},SUBTITLES="{_GROUP}"'
        lines.append(line)
    return "\n".join([*lines, ""])


def captions_playlist(caption: Caption, seconds: float) -> str:
    """The playlist of one: a single segment of so many seconds, whose cues may go beyond it."""
    length = max(seconds, 0.001)
    return "\n".join(
        [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{ceil(length)}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:VOD",
            f"#EXTINF:{length:.3f},",
            f"{caption.id}.vtt",
            "#EXT-X-ENDLIST",
            "",
        ]
    )


def _media(captions: Sequence[Caption], where: str) -> list[str]:
    return [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="{_GROUP}",NAME="{name}",LANGUAGE="{each.language}",'
        f'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="{where}/{each.id}.m3u8"'
        for each, name in zip(captions, _names(captions), strict=True)
    ]


def _names(captions: Sequence[Caption]) -> list[str]:
    """No two alike in one group (4.3.4.1.1), and nothing in them that would end the attribute."""
    names: list[str] = []
    for each in captions:
        name = each.label.replace('"', "'")
        number = sum(known == name or known.startswith(f"{name} (") for known in names)
        names.append(f"{name} ({number + 1})" if number else name)
    return names
