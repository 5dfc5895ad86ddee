"""Publishes a finished ladder: nothing names an object that is not stored yet, so the master playlist goes last."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from broker.media.paths import place
from broker.media.storage import Storage
from handlers.transcoding.hls_output import INIT
from handlers.transcoding.manifest import Mismatch
from handlers.transcoding.playlists import MASTER, MEDIA, Track, media_playlist, target_duration


def publish(
    storage: Storage, prefix: str, folder: Path, tracks: Iterable[Track], files: Iterable[str], master: str
) -> None:
    """Stores the ``files`` in ``folder`` and the playlists of renditions whose segments are stored below ``prefix``.

    Doing it again replaces each object by its like, and what an earlier, different try left behind goes in the end.
    Raises ``Mismatch`` when a segment is not there.
    """
    tracks = list(tracks)
    media = {f"{track.name}/{name}" for track in tracks for name in (INIT, *_segments(track))}
    if media - {key.removeprefix(prefix) for key in _keys(storage, prefix)}:
        raise Mismatch()
    others = sorted(files, key=lambda name: name.endswith(MEDIA))
    for name in others:
        storage.put_file(prefix + name, folder / name)
    target = target_duration(tracks)
    texts = {f"{track.name}/{MEDIA}": media_playlist(track, target) for track in tracks} | {MASTER: master}
    for name, text in texts.items():
        storage.put(prefix + name, io.BytesIO(text.encode()))
    named = {*others, *texts, *media}
    for key in set(_keys(storage, prefix)) - {prefix + name for name in named}:
        storage.delete(key)


def withdraw(storage: Storage, prefix: str) -> None:
    """Removes everything of this version of a video, and what names an object before that."""
    keys = list(_keys(storage, prefix))
    playlists = [key for key in keys if key.endswith((MASTER, MEDIA))]
    for key in sorted(playlists, key=lambda each: not each.endswith(MASTER)):
        storage.delete(key)
    storage.delete_keys(keys)


def _keys(storage: Storage, prefix: str) -> Iterator[str]:
    """Those of a version: other ones lie in folders beside the files of the first."""
    version = place(f"{prefix}{MASTER}").version
    return (key for key in storage.keys(prefix) if place(key).version == version)


def _segments(track: Track) -> list[str]:
    return [segment.name for segment in track.segments]
