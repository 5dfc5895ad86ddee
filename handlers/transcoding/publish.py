"""Publishes a finished ladder: nothing names an object that is not stored yet, so the master playlist goes last."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path

from broker.media.storage import Storage
from handlers.transcoding.hls_output import INIT
from handlers.transcoding.playlists import MASTER, MEDIA, Track, media_playlist, target_duration
from handlers.transcoding.poster import POSTER


def publish(
    storage: Storage, prefix: str, folder: Path, tracks: Iterable[Track], master: str, on_part: Callable[[float], None]
) -> None:
    """Transitions the renditions in ``folder`` below ``prefix`` (which ends with a slash).

    Doing it again replaces each object by its like, and what an earlier, different try left behind goes in the end.
    ``on_part`` gets the stored part, 0 to 1.
    """
    tracks = list(tracks)
    files = [POSTER, *(f"{track.name}/{name}" for track in tracks for name in (INIT, *_segments(track)))]
    for number, name in enumerate(files, 1):
        storage.put_file(prefix + name, folder / name)
        on_part(number / len(files))
    target = target_duration(tracks)
    texts = {f"{track.name}/{MEDIA}": media_playlist(track, target) for track in tracks} | {MASTER: master}
    for name, text in texts.items():
        storage.put(prefix + name, io.BytesIO(text.encode()))
    for key in set(storage.keys(prefix)) - {prefix + name for name in (*files, *texts)}:
        storage.delete(key)


def _segments(track: Track) -> list[str]:
    return [segment.name for segment in track.segments]
