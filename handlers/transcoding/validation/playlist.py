"""What playlists say, once they are read: see ``syntax`` for the reading."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file, in bytes."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that a playlist names: a whole file, or a part of one."""

    uri: str
    range: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One media segment. ``seconds`` is its EXTINF, ``init`` the EXT-X-MAP that holds for it."""

    line: int
    resource: Resource
    seconds: Fraction
    init: Resource | None
    discontinuity: bool = False
    encrypted: bool = False
    #: Where its key lies, if it is encrypted whole by one that anybody may fetch.
    key: str | None = None


@dataclass(slots=True)
class MediaPlaylist:
    """A media playlist, also of a kind that is still written to."""

    where: str
    version: int = 1
    target: int | None = None
    #: VOD, EVENT or, for a live stream, nothing.
    kind: str | None = None
    ended: bool = False
    iframes_only: bool = False
    independent: bool = False
    entries: list[Entry] = field(default_factory=list)

    @property
    def seconds(self) -> Fraction:
        return sum((entry.seconds for entry in self.entries), Fraction(0))


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a master playlist that names a media playlist: its attributes, and where it lies."""

    line: int
    attributes: dict[str, str]
    #: ``None`` for a rendition that is inside the variants (EXT-X-MEDIA without URI).
    uri: str | None


@dataclass(slots=True)
class MasterPlaylist:
    """A master playlist."""

    where: str
    version: int = 1
    independent: bool = False
    variants: list[Listed] = field(default_factory=list)
    iframes: list[Listed] = field(default_factory=list)
    renditions: list[Listed] = field(default_factory=list)
