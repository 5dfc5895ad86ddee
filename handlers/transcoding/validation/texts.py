"""WebVTT beside a stream: cues in order, and the pictures that a storyboard names."""

import re
from collections.abc import Iterator
from fractions import Fraction
from urllib.parse import urldefrag, urljoin

from handlers.transcoding.validation.reading import MAX_PLAYLIST, Reader, Unreadable
from handlers.transcoding.validation.report import Report

_CUE = re.compile(r"(?:(\d+):)?(\d\d):(\d\d\.\d{3})\s+-->\s+(?:(\d+):)?(\d\d):(\d\d\.\d{3})")
_AREA = re.compile(r"xywh=(\d+),(\d+),(\d+),(\d+)")
_JPEG, _SIZES = b"\xff\xd8\xff", frozenset({0xC0, 0xC1, 0xC2})


def check_storyboard(uri: str, reader: Reader, report: Report, length: Fraction | None = None) -> None:
    """A WebVTT whose cues name parts of JPEG pictures (media fragments), which must be there and large enough."""
    try:
        text = reader.read(uri, most=MAX_PLAYLIST).decode()
    except (Unreadable, UnicodeDecodeError) as error:
        report.error(uri, "storyboard", str(error))
        return
    sizes: dict[str, tuple[int, int] | None] = {}
    ends = Fraction(0)
    for line, start, end, content in _cues(text, uri, report):
        where = f"{uri}:{line}"
        if start < ends or end <= start:
            report.error(where, "WebVTT 3.1", "the cue begins before the one before it ends, or ends at once")
        ends = end
        picture, fragment = urldefrag(content)
        area = _AREA.fullmatch(fragment)
        if area is None:
            report.error(where, "storyboard", f"{content!r} names no part of a picture (#xywh=x,y,width,height)")
            continue
        if picture not in sizes:
            sizes[picture] = _picture_size(urljoin(uri, picture), reader, report)
        x, y, width, height = map(int, area.groups())
        size = sizes[picture]
        if size and (x + width > size[0] or y + height > size[1]):
            report.error(where, "storyboard", f"{fragment} lies outside {picture}, {size[0]}x{size[1]}")
    if length is not None and abs(ends - length) > 1:
        told = f"the storyboard ends at {float(ends):.1f} s, the video at {float(length):.1f} s"
        report.error(uri, "storyboard", told)


def check_text(data: bytes, where: str, report: Report) -> None:
    """One WebVTT segment of subtitles."""
    try:
        for line, start, end, _ in _cues(data.decode("utf-8-sig"), where, report):
            if end <= start:
                report.error(f"{where}:{line}", "WebVTT 3.1", "the cue ends before it begins")
    except UnicodeDecodeError:
        report.error(where, "WebVTT 2.1", "is not UTF-8")


def _cues(text: str, where: str, report: Report) -> Iterator[tuple[int, Fraction, Fraction, str]]:
    """Line, start, end and the first line of content of each cue."""
    lines = text.splitlines()
    if not lines or not re.match(r"WEBVTT([ \t]|$)", lines[0]):
        report.error(where, "WebVTT 4.1", "does not begin with WEBVTT")
        return
    for number, line in enumerate(lines, 1):
        if "-->" not in line:
            continue
        match = _CUE.match(line.strip())
        if match is None:
            report.error(f"{where}:{number}", "WebVTT 4.1", f"this is no cue timing: {line!r}")
            continue
        start, end = _time(*match.groups()[:3]), _time(*match.groups()[3:])
        yield number, start, end, lines[number] if number < len(lines) else ""


def _time(hours: str | None, minutes: str, seconds: str) -> Fraction:
    return 3600 * int(hours or 0) + 60 * int(minutes) + Fraction(seconds)


def _picture_size(uri: str, reader: Reader, report: Report) -> tuple[int, int] | None:
    """Width and height in the frame header of a JPEG (ITU-T T.81, B.2.2)."""
    try:
        data = reader.read(uri)
    except Unreadable as error:
        report.error(uri, "storyboard", str(error))
        return None
    at = 2
    while data.startswith(_JPEG) and at + 9 < len(data):
        if data[at + 1] in _SIZES:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    report.error(uri, "storyboard", "is no JPEG picture")
    return None
