"""Makes what a viewer looks around in a video with: its key frames to leap along, and a storyboard.

Both come from the smallest rendition as it was encoded, so the source is not decoded again.
"""

from collections.abc import Callable
from typing import NamedTuple

from broker.context import TaskContext
from broker.errors import NotFound
from handlers.transcoding import ffmpeg, key_frames, storyboard
from handlers.transcoding.ladder import Rung
from handlers.transcoding.manifest import Mismatch
from handlers.transcoding.playlists import Track

#: Seconds that the storyboard may take.
_ALLOWED = 900.0


class TrickPlay(NamedTuple):
    """Names of files in the scratch folder, as they are to be stored, and the master playlist's line on them."""

    files: list[str]
    line: str


def trick_play(context: TaskContext, rung: Rung, track: Track, prefix: str) -> TrickPlay:
    """Leave everything in the scratch folder; the rendition is stored below ``prefix``.

    Raises ``Mismatch`` when that is not as it was made.
    """
    try:
        found = key_frames.gather(rung, track, _reader(context, prefix), context.scratch)
    except (NotFound, ValueError) as error:
        raise Mismatch() from error
    board = storyboard.layout(found)
    (context.scratch / storyboard.FOLDER).mkdir(exist_ok=True)
    argv = storyboard.command(ffmpeg.binary(), board)
    ffmpeg.encode(context, argv, "frame", lambda done: None, _ALLOWED)
    texts = {
        key_frames.PLAYLIST: key_frames.iframe_playlist(found),
        storyboard.INDEX: storyboard.index(found, board),
    }
    for name, text in texts.items():
        (context.scratch / name).write_text(text)
    return TrickPlay([key_frames.FILE, *board.sheets, *texts], key_frames.iframe_stream(found))


def _reader(context: TaskContext, prefix: str) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        with context.storage.open(prefix + name) as file:
            return file.read()

    return read
