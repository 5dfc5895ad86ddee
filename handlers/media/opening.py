"""Opens videos and sound of strangers as what their first bytes say they are, within bounds, or refuses in one line.

Only the decoder imports this, see ``decoding``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from broker.errors import PermanentError
from broker.media.sniff import HEAD_BYTES, sniff
from handlers.media.bounds import INPUT_OPTIONS, MAX_PIXELS

_NO_RECORDING = "This file cannot be read as a video or as sound:"


def open_as(path: str, demuxer: str) -> InputContainer:
    """A video or audio file, to be closed by the caller. Raises ``av.FFmpegError``.

    What it says about itself is text of any encoding, so what is not UTF-8 is replaced.
    """
    container = av.open(path, format=demuxer, options=INPUT_OPTIONS, metadata_errors="replace")
    for stream in container.streams.video:
        if stream.codec_context:  # the options above bound the look at the file, not what is decoded later
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return container


@contextmanager
def recording(path: Path) -> Iterator[InputContainer]:
    """A video or audio file. What goes wrong while it is read is a ``PermanentError`` too."""
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
    if found is None or found.demuxer is None:
        raise PermanentError(f"{_NO_RECORDING} it is of no kind that is supported.")
    try:
        with open_as(str(path), found.demuxer) as container:
            yield container
    except MemoryError:
        raise
    except av.FFmpegError as error:
        raise PermanentError(f"{_NO_RECORDING} it is damaged or cut off ({error.strerror}).") from error
