"""Validates a whole stream, from its master playlist or from one media playlist on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin

from handlers.transcoding.validation import masters, syntax
from handlers.transcoding.validation.playlist import Listed, MasterPlaylist, MediaPlaylist
from handlers.transcoding.validation.reading import MAX_PLAYLIST, OutOfBounds, Reader, Unreadable
from handlers.transcoding.validation.renditions import Rendition, check_alone
from handlers.transcoding.validation.report import Report
from handlers.transcoding.validation.texts import check_storyboard, check_text

#: Tells what the parts of a media playlist hold, and reports what is missing.
Load = Callable[[MediaPlaylist, Report], Rendition]


@dataclass(slots=True)
class Stream:
    """What was read, by the URIs of its playlists as the master playlist has them."""

    report: Report = field(default_factory=Report)
    renditions: dict[str, Rendition] = field(default_factory=dict)
    texts: int = 0

    @property
    def growing(self) -> bool:
        """Whether it is still being made."""
        return any(not each.playlist.ended for each in self.renditions.values())


def validate(uri: str, reader: Reader, load: Load, *, storyboard: str | None = None) -> Stream:
    """Read all that the playlist at ``uri`` leads to, and tell what is wrong with it.

    ``storyboard`` is a WebVTT, relative to ``uri``. Nothing is raised for what cannot be read.
    """
    stream = Stream()
    try:
        _validate(uri, reader, load, storyboard, stream)
    except OutOfBounds as error:
        stream.report.error(uri, "bounds", str(error))
    return stream


def _validate(uri: str, reader: Reader, load: Load, storyboard: str | None, stream: Stream) -> None:
    playlist = _playlist(uri, reader, stream.report)
    if isinstance(playlist, MediaPlaylist):
        stream.renditions[uri] = _rendition(playlist, load, stream.report)
    elif playlist:
        masters.check_syntax(playlist, stream.report)
        for listed in [*playlist.variants, *playlist.renditions, *playlist.iframes]:
            _follow(playlist, listed, reader, load, stream)
        masters.check_renditions(playlist, stream.renditions, stream.report)
    if storyboard:
        lengths = [each.playlist.seconds for each in stream.renditions.values() if each.playlist.ended]
        check_storyboard(urljoin(uri, storyboard), reader, stream.report, max(lengths, default=None))


def _follow(master: MasterPlaylist, listed: Listed, reader: Reader, load: Load, stream: Stream) -> None:
    if listed.uri is None or listed.uri in stream.renditions:
        return
    where = urljoin(master.where, listed.uri)
    playlist = _playlist(where, reader, stream.report, named=f"{master.where}:{listed.line}")
    if isinstance(playlist, MasterPlaylist):
        stream.report.error(f"{master.where}:{listed.line}", "RFC 8216 4.3.4", f"{listed.uri} is a master playlist")
    elif playlist and listed.attributes.get("TYPE") == "SUBTITLES":
        _texts(playlist, reader, stream)
    elif playlist:
        stream.renditions[listed.uri] = _rendition(playlist, load, stream.report)


def _rendition(playlist: MediaPlaylist, load: Load, report: Report) -> Rendition:
    found = load(playlist, report)
    check_alone(found, report)
    return found


def _texts(playlist: MediaPlaylist, reader: Reader, stream: Stream) -> None:
    """Subtitles are checked by themselves: they may end long before the pictures do."""
    stream.texts += 1
    check_alone(Rendition(playlist), stream.report)
    for entry in playlist.entries:
        where = urljoin(playlist.where, entry.resource.uri)
        try:
            check_text(reader.read(where, entry.resource.range), where, stream.report)
        except Unreadable as error:
            stream.report.error(f"{playlist.where}:{entry.line}", "RFC 8216 6.2.1", f"{entry.resource.uri} {error}")


def _playlist(uri: str, reader: Reader, report: Report, named: str = "") -> MasterPlaylist | MediaPlaylist | None:
    try:
        data = reader.read(uri, most=MAX_PLAYLIST)
        return syntax.read(data, reader.place(uri), report)
    except Unreadable as error:
        report.error(named or uri, "RFC 8216 6.2.1", f"{uri} {error}" if named else str(error))
        return None
