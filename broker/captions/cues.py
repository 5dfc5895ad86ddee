"""Cues: text that is shown for a while, and how they are written as WebVTT (https://www.w3.org/TR/webvtt1/)."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Cues of one file, and characters and lines of one cue.
MAX_CUES, MAX_TEXT, MAX_LINES = 20_000, 2_000, 20
#: Milliseconds: no time is later than a hundred hours.
MAX_TIME = 100 * 3600 * 1000
#: Our pictures begin at the time 0 of their segments, and so do the cues. Only players of HLS read this line.
_HEADER = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"
_TAG = re.compile(r"<(/?)([A-Za-z]+|\d[\d:.]*)([^<>]*)>")
_SIMPLE_TAGS = frozenset({"b", "i", "u", "ruby", "rt", "c"})
_CLASSES = re.compile(r"(?:\.[\w-]{1,40}){0,8}")
_TIME_TAG = re.compile(r"(?:\d{2,}:)?\d{2}:\d{2}\.\d{3}")
_LANGUAGE_TAG = re.compile(r"[A-Za-z0-9-]{1,35}")


@dataclass(frozen=True, slots=True)
class Cue:
    """``start`` and ``end`` are milliseconds; ``text`` is WebVTT cue text (``cue_text``); ``settings`` place it."""

    start: int
    end: int
    text: str
    settings: str = ""


def webvtt(cues: Iterable[Cue]) -> str:
    """The whole file, in the order of the cues' times."""
    blocks = [
        f"{_time(each.start)} --> {_time(each.end)}{f' {each.settings}' if each.settings else ''}\n{each.text}\n"
        for each in sorted(cues, key=lambda each: (each.start, each.end))
    ]
    return "\n".join([_HEADER, *blocks])


def cue_text(text: str, *, escaped: bool) -> str:
    """Text in which nothing but WebVTT's own tags is markup: others are left out, and what is no tag is shown.

    ``escaped`` text has ``&amp;`` and the like, as WebVTT has and SubRip has not. Empty lines, which would end the cue,
    are left out.
    """
    parts, at = [], 0
    for tag in _TAG.finditer(text):
        parts += [_plain(text[at : tag.start()], escaped), _allowed(*tag.groups())]
        at = tag.end()
    parts.append(_plain(text[at:], escaped))
    lines = (line.strip() for line in "".join(parts).splitlines())
    return "\n".join(line for line in lines if line)


def plain_text(text: str) -> str:
    """What somebody said, as cue text."""
    return cue_text(_plain(text, escaped=False), escaped=True)


def _plain(text: str, escaped: bool) -> str:
    shown = html.unescape(text) if escaped else text
    kept = "".join(each for each in shown if each.isprintable() or each in "\n\u200e\u200f\u00a0")
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _allowed(slash: str, name: str, rest: str) -> str:
    """The tag as WebVTT knows it, or nothing."""
    if name[0].isdigit():
        return f"<{name}>" if not slash and not rest and _TIME_TAG.fullmatch(name) else ""
    name = name.lower()
    if name not in _SIMPLE_TAGS and name not in ("v", "lang"):
        return ""
    if slash:
        return f"</{name}>"
    classes = _CLASSES.match(rest)
    kept = classes[0] if classes else ""
    about = rest[len(kept) :].strip()
    if name == "v":
        return f"<v{kept} {_plain(about, escaped=True)[:100]}>" if about else ""
    if name == "lang":
        return f"<lang{kept} {about}>" if _LANGUAGE_TAG.fullmatch(about) else ""
    return f"<{name}{kept}>"


def _time(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
