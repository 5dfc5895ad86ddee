"""One media playlist with what it names: read, and held against itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from urllib.parse import urljoin

from handlers.transcoding.validation.fragments import Part, TrackFacts, read_init, read_part
from handlers.transcoding.validation.playlist import Entry, MediaPlaylist, Resource
from handlers.transcoding.validation.reading import Reader, Unreadable
from handlers.transcoding.validation.report import Report
from handlers.transcoding.validation.transport import SYNC, Transport, between, read_transport, seconds

#: What EXTINF may be off by, in seconds.
_ROUNDING = Fraction(1, 1000)
#: Seconds by which a segment may pass the target (Apple's authoring specification, 7.7).
_OVER = Fraction(1, 2)
#: The lowest EXT-X-VERSION for what a playlist has (RFC 8216, section 7).
_FRACTIONS, _RANGES, _MAP_OF_IFRAMES, _MAP = 3, 4, 5, 6
#: Seconds by which EXTINF of a transport stream may be off: its segments are cut where pictures and sound allow.
_CUT = Fraction(1, 2)
#: How sound without a container begins (RFC 8216, 3.4), and texts.
_PACKED = (b"ID3", b"\xff", b"\x0b\x77", b"WEBVTT", b"\xef\xbb\xbfWEBVTT")
#: Bytes of a key, and of a block that is encrypted by it.
_BLOCK = 16

Decode = Callable[[bytes], str]


@dataclass(slots=True)
class Rendition:
    """A playlist and, in the order of its entries, what the named parts hold; ``None`` where that cannot be told."""

    playlist: MediaPlaylist
    track: TrackFacts | None = None
    parts: list[Part | None] = field(default_factory=list)
    #: The same of transport streams.
    transports: list[Transport | None] = field(default_factory=list)

    @property
    def known(self) -> list[Part]:
        return [part for part in self.parts if part is not None]

    @property
    def whole(self) -> bool:
        """Whether all of it is known."""
        return bool(self.parts) and len(self.known) == len(self.playlist.entries)

    @property
    def duration(self) -> Fraction:
        return sum((part.duration for part in self.known), Fraction(0))

    @property
    def average(self) -> Fraction:
        """Bits per second."""
        return 8 * sum(part.bytes for part in self.known) / (self.playlist.seconds or Fraction(1))

    @property
    def peak(self) -> Fraction:
        """The most bits per second of any run of 0.5 to 1.5 target durations, or all there is (RFC 8216, 4.1)."""
        target, rates = self.playlist.target or 1, []
        seconds = [entry.seconds for entry in self.playlist.entries]
        for first in range(len(self.known)):
            size, length = 0, Fraction(0)
            for part, each in zip(self.known[first:], seconds[first:], strict=False):
                size, length = size + part.bytes, length + each
                if length > target * Fraction(3, 2):
                    break
                if length * 2 >= target:
                    rates.append(8 * size / length)
        return max(rates, default=self.average)


def load(playlist: MediaPlaylist, report: Report, reader: Reader, decode: Decode | None = None) -> Rendition:
    """Fetch everything that the playlist names. ``decode`` says what a player's decoder would complain about."""
    found = Rendition(playlist)
    inits: dict[Resource, bytes] = {}
    _check_keys(playlist, reader, report)
    for entry in playlist.entries:
        where = f"{urljoin(playlist.where, entry.resource.uri)}"
        try:
            init = _init(entry, playlist, inits, reader)
            data = reader.read(where, entry.resource.range)
        except Unreadable as error:
            report.error(f"{playlist.where}:{entry.line}", "RFC 8216 6.2.1", f"{entry.resource.uri} {error}")
            found.parts.append(None)
            found.transports.append(None)
            continue
        found.parts.append(_part(data, init, entry, where, found, report))
        found.transports.append(_transport(data, entry, where, report))
        if decode and not entry.encrypted and (said := decode(init + data)):
            report.error(where, "decoding", said)
    return found


def _init(entry: Entry, playlist: MediaPlaylist, inits: dict[Resource, bytes], reader: Reader) -> bytes:
    if entry.init is None:
        return b""
    if entry.init not in inits:
        try:
            inits[entry.init] = reader.read(urljoin(playlist.where, entry.init.uri), entry.init.range)
        except Unreadable as error:
            raise Unreadable(f"cannot be played: its initialization segment {entry.init.uri} {error}") from error
    return inits[entry.init]


def _part(data: bytes, init: bytes, entry: Entry, where: str, found: Rendition, report: Report) -> Part | None:
    wanted = entry.resource.range
    if wanted and len(data) != wanted.length:
        report.error(where, "RFC 8216 4.3.2.2", f"has {len(data)} of the {wanted.length} bytes of the range")
    if entry.encrypted or entry.init is None:
        return None
    try:
        track = read_init(init)
        found.track = found.track or track
        return read_part(data, track)
    except ValueError as error:
        report.error(where, "ISO/IEC 14496-12", str(error))
        return None


def _transport(data: bytes, entry: Entry, where: str, report: Report) -> Transport | None:
    """A segment that is no fragment of an MP4, or that cannot be looked into."""
    if entry.init and not entry.encrypted:
        return None
    if not data:
        report.error(where, "RFC 8216 3", "is empty")
    elif entry.encrypted:
        if entry.key and len(data) % _BLOCK:
            report.error(
                where, "RFC 8216 4.3.2.4", f"is not encrypted by AES-128: {len(data)} bytes are no whole blocks"
            )
    elif data[0] == SYNC:
        try:
            return read_transport(data)
        except ValueError as error:
            report.error(where, "RFC 8216 3.2", str(error))
    elif not data.startswith(_PACKED):
        told = "is neither a transport stream nor packed sound, and there is no EXT-X-MAP for anything else"
        report.error(where, "RFC 8216 3", told)
    return None


def _check_keys(playlist: MediaPlaylist, reader: Reader, report: Report) -> None:
    for key in dict.fromkeys(entry.key for entry in playlist.entries):
        if key is None:
            continue
        try:
            size = len(reader.read(urljoin(playlist.where, key)))
        except Unreadable as error:
            report.error(playlist.where, "RFC 8216 4.3.2.4", f"the key {key} {error}")
            continue
        if size != _BLOCK:
            report.error(playlist.where, "RFC 8216 4.3.2.4", f"the key {key} has {size} bytes, not {_BLOCK}")


def check_alone(rendition: Rendition, report: Report) -> None:
    """What can be told of one media playlist without the others."""
    playlist = rendition.playlist
    _check_lengths(playlist, report)
    _check_version(playlist, report)
    if playlist.ended and not playlist.entries:
        report.error(playlist.where, "RFC 8216 4.3.3", "is at its end without a segment")
    if rendition.track and rendition.track.edit_list:
        report.error(playlist.where, "edit list", "players ignore edit lists, so sound and pictures come apart")
    _check_parts(rendition, report)
    _check_transports(rendition, report)


def _check_lengths(playlist: MediaPlaylist, report: Report) -> None:
    target = playlist.target
    if target is None:
        return
    for entry in playlist.entries:
        where = f"{playlist.where}:{entry.line}"
        if floor(entry.seconds + Fraction(1, 2)) > target:
            told = f"lasts {float(entry.seconds):g} s, and EXT-X-TARGETDURATION is {target}"
            report.error(where, "RFC 8216 4.3.3.1", f"{entry.resource.uri} {told}")
        elif entry.seconds > target + _OVER:
            report.advice(where, "Apple 7.7", f"{entry.resource.uri} is more than half a second over the target")


def _check_version(playlist: MediaPlaylist, report: Report) -> None:
    needs = {
        "fractions in EXTINF": (_FRACTIONS, any(entry.seconds.denominator > 1 for entry in playlist.entries)),
        "EXT-X-BYTERANGE": (_RANGES, any(entry.resource.range for entry in playlist.entries)),
        "EXT-X-I-FRAMES-ONLY": (_RANGES, playlist.iframes_only),
        "EXT-X-MAP": (
            _MAP_OF_IFRAMES if playlist.iframes_only else _MAP,
            any(entry.init for entry in playlist.entries),
        ),
    }
    for what, (version, there) in needs.items():
        if there and playlist.version < version:
            report.error(playlist.where, "RFC 8216 7", f"{what} needs EXT-X-VERSION {version}, not {playlist.version}")


def _check_parts(rendition: Rendition, report: Report) -> None:
    playlist, clock = rendition.playlist, None
    for entry, part in zip(playlist.entries, rendition.parts, strict=False):
        if part is None:
            clock = None
            continue
        where = urljoin(playlist.where, entry.resource.uri)
        _check_part(part, where, playlist, entry, report)
        if clock is not None and not entry.discontinuity and part.start != clock:
            told = f"begins at {float(part.start):.6f} s; the one before ends at {float(clock):.6f} s"
            report.error(where, "RFC 8216 3", told)
        clock = part.start + part.duration


def _check_part(part: Part, where: str, playlist: MediaPlaylist, entry: Entry, report: Report) -> None:
    for flaw in part.flaws:
        report.error(where, "ISO/IEC 14496-12", flaw)
    if playlist.iframes_only and part.samples != 1:
        report.error(where, "RFC 8216 4.3.3.6", f"holds {part.samples} pictures, not one")
    if abs(part.duration - entry.seconds) > _ROUNDING:
        told = f"EXTINF is {float(entry.seconds):.6f} s, its samples last {float(part.duration):.6f} s"
        report.error(where, "RFC 8216 4.3.2.1", told)
    if part.key_frames is not None and part.key_frames[:1] != (Fraction(0),):
        report.error(where, "RFC 8216 4.3.5.1", "does not begin with a key frame")
    elif part.refreshed is False:
        report.error(where, "Apple 1.9", "its first picture is not an IDR picture")


def _check_transports(rendition: Rendition, report: Report) -> None:
    """Each has to last until the next one begins, and to begin with a picture that needs no other."""
    entries = rendition.playlist.entries
    following = [*rendition.transports[1:], None]
    for number, (entry, one, two) in enumerate(zip(entries, rendition.transports, following, strict=False)):
        if one is None or one.start is None:
            continue
        where = urljoin(rendition.playlist.where, entry.resource.uri)
        if one.begins_anew is False:
            report.error(where, "Apple 1.9", "its first picture is not an IDR picture")
        if two is not None and two.start is not None and not entries[number + 1].discontinuity:
            lasts = seconds(between(one.start, two.start))
            allowed, until = _CUT, "the next one begins after"
        else:
            lasts, allowed, until = one.span + one.gap, _CUT + one.gap, "its times end after"
        if abs(lasts - entry.seconds) > allowed:
            told = f"EXTINF is {float(entry.seconds):.3f} s, {until} {float(lasts):.3f} s"
            report.error(where, "RFC 8216 4.3.2.1", told)
