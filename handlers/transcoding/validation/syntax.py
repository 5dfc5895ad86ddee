"""Reads a playlist line by line and tells what RFC 8216 forbids of its lines and their order."""

from collections.abc import Callable
from fractions import Fraction
from urllib.parse import quote, urlsplit

from handlers.transcoding.validation.attributes import attributes, byte_range, decimal, whole
from handlers.transcoding.validation.playlist import Entry, Listed, MasterPlaylist, MediaPlaylist, Resource
from handlers.transcoding.validation.report import Report

_MASTER_TAGS = frozenset({"EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-MEDIA", "EXT-X-SESSION-DATA"})
_MEDIA_TAGS = frozenset(
    {
        *("EXTINF", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-PLAYLIST-TYPE", "EXT-X-ENDLIST"),
        *("EXT-X-BYTERANGE", "EXT-X-MAP", "EXT-X-KEY", "EXT-X-DISCONTINUITY", "EXT-X-I-FRAMES-ONLY"),
        *("EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-PROGRAM-DATE-TIME"),
    }
)
#: What segments are encrypted by, and how much of what is wrong is shown.
_METHODS, _SHOWN = ("NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR"), 60
#: Tags that may be there once.
_ONCE = frozenset(
    {
        *("EXT-X-VERSION", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-PLAYLIST-TYPE", "EXT-X-ENDLIST"),
        *("EXT-X-I-FRAMES-ONLY", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-START"),
    }
)


def read(data: bytes, where: str, report: Report) -> MasterPlaylist | MediaPlaylist | None:
    """The playlist in ``data``; ``None`` for what is none at all."""
    if data.startswith(b"\xef\xbb\xbf"):
        report.error(where, "RFC 8216 4", "begins with a byte order mark")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        report.error(where, "RFC 8216 4", "is not UTF-8")
        return None
    if not lines or lines[0].rstrip() != "#EXTM3U":
        report.error(where, "RFC 8216 4.3.1.1", "does not begin with #EXTM3U: it is no playlist")
        return None
    names = {line[1:].partition(":")[0] for line in lines if line.startswith("#EXT")}
    if names & _MASTER_TAGS and names & _MEDIA_TAGS:
        mixed = " and ".join(min(names & kind) for kind in (_MASTER_TAGS, _MEDIA_TAGS))
        report.error(where, "RFC 8216 4.3", f"is a master and a media playlist at once: it has {mixed}")
    return (_Master if names & _MASTER_TAGS else _Media)(where, report).read(lines)


class _Reader:
    """What both kinds of playlists share; lines are counted from 1."""

    def __init__(self, where: str, report: Report) -> None:
        self._where, self._report = where, report
        self._seen: dict[str, int] = {}
        self.at = ""

    def lines(self, lines: list[str]) -> "list[tuple[int, str, str]]":
        """Number, tag (or nothing, for a URI) and the rest of each line that means anything."""
        kept = []
        for number, line in enumerate(lines[1:], 2):
            self.at = f"{self._where}:{number}"
            if line.startswith("#EXT"):
                name, _, value = line[1:].partition(":")
                if name in self._seen and name in _ONCE:
                    self.fail("4.3", f"{name} is there twice, first in line {self._seen[name]}")
                self._seen.setdefault(name, number)
                kept.append((number, name, value))
            elif line.strip() and not line.startswith("#"):
                kept.append((number, "", line))
        return kept

    def fail(self, section: str, message: str) -> None:
        self._report.error(self.at, f"RFC 8216 {section}", message)

    def number(self, value: str, section: str, name: str) -> int:
        found = whole(value)
        if found is None:
            self.fail(section, f"{name} must be a whole number, not {value[:_SHOWN]!r}")
        return found or 0

    def uri(self, value: str) -> str:
        """What can be resolved; of what is no URI a harmless likeness, so that it is not found."""
        try:
            urlsplit(value)
        except ValueError:
            self.fail("4.1", f"{value[:_SHOWN]!r} is no URI")
            return quote(value, safe="")
        return value

    def start(self, value: str) -> None:
        """EXT-X-START."""
        offset = self.attributes(value).get("TIME-OFFSET", "")
        if decimal(offset.removeprefix("-")) is None:
            self.fail("4.3.5.2", f"the TIME-OFFSET of EXT-X-START must be a number of seconds, not {offset[:_SHOWN]!r}")

    def attributes(self, value: str) -> dict[str, str]:
        return attributes(value, self.at, self._report)


class _Master(_Reader):
    def __init__(self, where: str, report: Report) -> None:
        super().__init__(where, report)
        self.found = MasterPlaylist(where)
        #: The line of an EXT-X-STREAM-INF whose URI has not come yet, and its attributes.
        self._waiting: tuple[int, dict[str, str]] | None = None

    def read(self, lines: list[str]) -> MasterPlaylist:
        for number, name, value in self.lines(lines):
            self.at = f"{self._where}:{number}"
            if name:
                self._no_longer_waiting()
                self._tag(number, name, value)
            elif self._waiting:
                self.found.variants.append(Listed(*self._waiting, self.uri(value)))
                self._waiting = None
            else:
                self.fail("4.3.4.2", "a URI without EXT-X-STREAM-INF before it")
        self._no_longer_waiting()
        return self.found

    def _tag(self, number: int, name: str, value: str) -> None:
        if name == "EXT-X-VERSION":
            self.found.version = self.number(value, "4.3.1.2", name)
        elif name == "EXT-X-INDEPENDENT-SEGMENTS":
            self.found.independent = True
        elif name == "EXT-X-STREAM-INF":
            self._waiting = (number, self.attributes(value))
        elif name in ("EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF"):
            listed = self.attributes(value)
            kind = self.found.renditions if name == "EXT-X-MEDIA" else self.found.iframes
            kind.append(Listed(number, listed, self.uri(listed["URI"]) if "URI" in listed else None))
        elif name == "EXT-X-START":
            self.start(value)

    def _no_longer_waiting(self) -> None:
        if self._waiting:
            self.fail("4.3.4.2", f"EXT-X-STREAM-INF of line {self._waiting[0]} is not followed by a URI")
            self._waiting = None


class _Media(_Reader):
    def __init__(self, where: str, report: Report) -> None:
        super().__init__(where, report)
        self.found = MediaPlaylist(where)
        self._seconds: Fraction | None = None
        self._range = ""
        self._init: Resource | None = None
        self._ends: dict[str, int] = {}
        self._discontinuity = self._encrypted = False
        self._key_uri: str | None = None

    def read(self, lines: list[str]) -> MediaPlaylist:
        for number, name, value in self.lines(lines):
            self.at = f"{self._where}:{number}"
            if not name:
                self._segment(number, value)
            elif handler := self._TAGS.get(name):
                handler(self, value)
        self.at = self._where
        if self.found.target is None:
            self.fail("4.3.3.1", "has no EXT-X-TARGETDURATION")
        if self._seconds is not None:
            self.fail("4.3.2.1", "the last EXTINF is not followed by a URI")
        if self.found.kind == "VOD" and not self.found.ended:
            self.fail("4.3.3.5", "EXT-X-PLAYLIST-TYPE is VOD, and EXT-X-ENDLIST is missing: players wait for more")
        return self.found

    def _segment(self, number: int, uri: str) -> None:
        uri = self.uri(uri)
        if self._seconds is None:
            self.fail("4.3.2.1", f"the segment {uri} has no EXTINF")
        part = byte_range(self._range, self._ends.get(uri)) if self._range else None
        if self._range and part is None:
            self.fail("4.3.2.2", f"EXT-X-BYTERANGE is {self._range!r}: a length, and where it begins")
        if part:
            self._ends[uri] = part.start + part.length
        self.found.entries.append(
            Entry(
                number,
                Resource(uri, part),
                self._seconds or Fraction(0),
                self._init,
                discontinuity=self._discontinuity,
                encrypted=self._encrypted,
                key=self._key_uri,
            )
        )
        self._seconds, self._range, self._discontinuity = None, "", False

    def _version(self, value: str) -> None:
        self.found.version = self.number(value, "4.3.1.2", "EXT-X-VERSION")

    def _target(self, value: str) -> None:
        self.found.target = self.number(value, "4.3.3.1", "EXT-X-TARGETDURATION")

    def _sequence(self, value: str) -> None:
        self.number(value, "4.3.3.2", "EXT-X-MEDIA-SEQUENCE")
        if self.found.entries:
            self.fail("4.3.3.2", "EXT-X-MEDIA-SEQUENCE comes after a segment")

    def _kind(self, value: str) -> None:
        if value not in ("VOD", "EVENT"):
            self.fail("4.3.3.5", f"EXT-X-PLAYLIST-TYPE is VOD or EVENT, not {value!r}")
        self.found.kind = value

    def _extinf(self, value: str) -> None:
        seconds = decimal(value.partition(",")[0])
        if seconds is None or "," not in value:
            self.fail("4.3.2.1", f"EXTINF must be a number of seconds with a comma, not {value[:_SHOWN]!r}")
        self._seconds = seconds or Fraction(0)

    def _byte_range(self, value: str) -> None:
        self._range = value

    def _map(self, value: str) -> None:
        listed = self.attributes(value)
        if "URI" not in listed:
            self.fail("4.3.2.5", "EXT-X-MAP has no URI")
            return
        part = byte_range(listed["BYTERANGE"], None) if "BYTERANGE" in listed else None
        if "BYTERANGE" in listed and part is None:
            self.fail("4.3.2.5", f"the BYTERANGE of EXT-X-MAP is {listed['BYTERANGE']!r}")
        self._init = Resource(self.uri(listed["URI"]), part)

    def _key(self, value: str) -> None:
        """Only the key of AES-128 in its plain form is one that can be fetched and looked at here."""
        listed = self.attributes(value)
        method, uri = listed.get("METHOD", ""), listed.get("URI")
        if method not in _METHODS:
            self.fail("4.3.2.4", f"the METHOD of EXT-X-KEY is {method!r}: one of {', '.join(_METHODS)}")
        if method != "NONE" and not uri:
            self.fail("4.3.2.4", "EXT-X-KEY has no URI")
        plain = method == "AES-128" and listed.get("KEYFORMAT", "identity") == "identity"
        self._encrypted = method != "NONE"
        self._key_uri = self.uri(uri) if plain and uri else None

    def _discontinues(self, _: str) -> None:
        self._discontinuity = True

    def _flag(name: str) -> "Callable[[_Media, str], None]":  # type: ignore[misc]
        return lambda self, _: setattr(self.found, name, True)

    _TAGS: "dict[str, Callable[[_Media, str], None]]" = {  # noqa: RUF012
        "EXT-X-VERSION": _version,
        "EXT-X-TARGETDURATION": _target,
        "EXT-X-MEDIA-SEQUENCE": _sequence,
        "EXT-X-PLAYLIST-TYPE": _kind,
        "EXTINF": _extinf,
        "EXT-X-BYTERANGE": _byte_range,
        "EXT-X-MAP": _map,
        "EXT-X-KEY": _key,
        "EXT-X-DISCONTINUITY": _discontinues,
        "EXT-X-START": _Reader.start,
        "EXT-X-ENDLIST": _flag("ended"),
        "EXT-X-I-FRAMES-ONLY": _flag("iframes_only"),
        "EXT-X-INDEPENDENT-SEGMENTS": _flag("independent"),
    }
