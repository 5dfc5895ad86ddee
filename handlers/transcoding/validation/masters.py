"""A master playlist against itself, and against the renditions that it leads to."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from handlers.transcoding.validation.attributes import decimal, whole
from handlers.transcoding.validation.playlist import Listed, MasterPlaylist
from handlers.transcoding.validation.renditions import Rendition
from handlers.transcoding.validation.report import Report

#: Attributes of a variant that name a group of that type.
_GROUPS = ("AUDIO", "SUBTITLES", "VIDEO")
#: What EXT-X-MEDIA may say.
_ENUMERATED = {
    "TYPE": ("AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"),
    **dict.fromkeys(("DEFAULT", "AUTOSELECT", "FORCED"), ("YES", "NO")),
}
#: What declared and measured bit rates may differ by (Apple 1.26 and 1.27), also while it is made (1.28).
_CLOSE, _GROWING = Fraction(1, 10), Fraction(1, 4)
_AAC_FRAME = Fraction(1024, 44_100)
#: No faster pictures, and no higher level of H.264 (Apple 1.4 and 1.2).
_FASTEST, _LEVEL = 60, 0x34


def check_syntax(master: MasterPlaylist, report: Report) -> None:
    """The master playlist alone."""
    if not master.variants:
        report.error(master.where, "RFC 8216 4.3.4", "has no EXT-X-STREAM-INF: there is nothing to play")
    for each in master.variants:
        _need(master, each, ("BANDWIDTH",), "4.3.4.2", report)
        _check_values(master, each, report)
    for each in master.iframes:
        _need(master, each, ("BANDWIDTH", "URI"), "4.3.4.3", report)
    groups: dict[tuple[str, str], list[Listed]] = {}
    for each in master.renditions:
        _need(master, each, ("TYPE", "GROUP-ID", "NAME"), "4.3.4.1", report)
        groups.setdefault((each.attributes.get("TYPE", ""), each.attributes.get("GROUP-ID", "")), []).append(each)
    for (kind, name), members in groups.items():
        _check_group(master, kind, name, members, report)
    for each in master.variants:
        _check_groups_are_there(master, each, set(groups), report)


def _check_groups_are_there(
    master: MasterPlaylist, listed: Listed, groups: set[tuple[str, str]], report: Report
) -> None:
    for kind in _GROUPS:
        wanted = listed.attributes.get(kind)
        if wanted is not None and (kind, wanted) not in groups:
            where = f"{master.where}:{listed.line}"
            report.error(where, "RFC 8216 4.3.4.2", f"there is no group {wanted} of type {kind}")


def _need(master: MasterPlaylist, listed: Listed, names: Sequence[str], section: str, report: Report) -> None:
    for name in names:
        if not listed.attributes.get(name):
            report.error(f"{master.where}:{listed.line}", f"RFC 8216 {section}", f"{name} is missing")


def _check_values(master: MasterPlaylist, listed: Listed, report: Report) -> None:
    where, values = f"{master.where}:{listed.line}", listed.attributes
    for name in ("BANDWIDTH", "AVERAGE-BANDWIDTH"):
        if name in values and whole(values[name]) is None:
            report.error(where, "RFC 8216 4.3.4.2", f"{name} must be a whole number, not {values[name][:60]!r}")
    width, _, height = values.get("RESOLUTION", "1x1").partition("x")
    if whole(width) is None or whole(height) is None:
        report.error(where, "RFC 8216 4.2", f"RESOLUTION must be like 640x360, not {values['RESOLUTION']!r}")
    rate = decimal(values.get("FRAME-RATE", "1"))
    if rate is None:
        report.error(where, "RFC 8216 4.3.4.2", f"FRAME-RATE must be a decimal number, not {values['FRAME-RATE']!r}")
    elif rate > _FASTEST:
        report.advice(where, "Apple 1.4", f"{float(rate):g} pictures a second; no more than 60 are played everywhere")
    if "CODECS" not in values:
        report.advice(where, "Apple 9.1", "CODECS is missing: a player has to fetch it to know whether it can play it")
    elif "FRAME-RATE" not in values and "RESOLUTION" in values:
        report.advice(where, "Apple 9.15", "FRAME-RATE is missing")


def _check_group(master: MasterPlaylist, kind: str, name: str, members: list[Listed], report: Report) -> None:
    where = f"{master.where}:{members[0].line}"
    names = [each.attributes.get("NAME") for each in members]
    if len(set(names)) < len(names):
        report.error(where, "RFC 8216 4.3.4.1.1", f"two members of the group {name} have the same NAME")
    if sum(each.attributes.get("DEFAULT") == "YES" for each in members) > 1:
        report.error(where, "RFC 8216 4.3.4.1.1", f"the group {name} has more than one default")
    for each in members:
        at = f"{master.where}:{each.line}"
        _check_enumerated(each, at, report)
        if each.attributes.get("DEFAULT") == "YES" and each.attributes.get("AUTOSELECT", "YES") == "NO":
            report.error(at, "RFC 8216 4.3.4.1", "DEFAULT=YES with AUTOSELECT=NO")
        if kind == "SUBTITLES" and each.uri is None:
            report.error(at, "RFC 8216 4.3.4.1", "subtitles without a URI")
        if kind in ("AUDIO", "SUBTITLES") and "LANGUAGE" not in each.attributes:
            report.advice(at, "Apple 8.10", "LANGUAGE is missing")


def _check_enumerated(listed: Listed, where: str, report: Report) -> None:
    for name, allowed in _ENUMERATED.items():
        if (value := listed.attributes.get(name, allowed[0])) not in allowed:
            report.error(where, "RFC 8216 4.3.4.1", f"{name} is {value[:60]!r}: one of {', '.join(allowed)}")


def check_renditions(master: MasterPlaylist, by_uri: Mapping[str, Rendition], report: Report) -> None:
    """What the master playlist says of its renditions, and what they must have in common."""
    sounds: dict[str, list[Rendition]] = {}
    for each in master.renditions:
        if (found := by_uri.get(each.uri or "")) and each.attributes.get("TYPE") == "AUDIO":
            sounds.setdefault(each.attributes.get("GROUP-ID", ""), []).append(found)
    for each in master.variants:
        if found := by_uri.get(each.uri or ""):
            _check_variant(master, each, found, sounds.get(each.attributes.get("AUDIO", ""), []), report)
    for each in master.iframes:
        if found := by_uri.get(each.uri or ""):
            _check_iframes(master, each, found, report)
    _check_together(master, [found for found in by_uri.values() if not found.playlist.iframes_only], report)


def _check_variant(
    master: MasterPlaylist, listed: Listed, found: Rendition, sounds: list[Rendition], report: Report
) -> None:
    where, values, track = f"{master.where}:{listed.line}", listed.attributes, found.track
    if track is not None:
        codecs = [
            track.codec,
            *track.beside,
            *{sound.track.codec for sound in sounds if sound.track and sound is not found},
        ]
        declared = values.get("CODECS", "")
        if declared and {each.strip().lower() for each in declared.split(",")} != {each.lower() for each in codecs}:
            report.error(where, "RFC 8216 4.3.4.2", f"CODECS says {declared}, the bytes say {','.join(codecs)}")
        if track.codec.startswith("avc") and int(track.codec[-2:], 16) > _LEVEL:
            report.advice(where, "Apple 1.2", f"{track.codec} is above level 5.2 of H.264")
        size = f"{track.width}x{track.height}"
        if track.kind == "video" and values.get("RESOLUTION", size) != size:
            report.error(where, "RFC 8216 4.3.4.2", f"RESOLUTION says {values['RESOLUTION']}, the bytes say {size}")
        if track.kind == "video":
            _check_rate(where, values, found, report)
    if found.whole and all(sound.whole for sound in sounds):
        peak = max((sound.peak for sound in sounds), default=Fraction(0))
        average = max((sound.average for sound in sounds), default=Fraction(0))
        if found not in sounds:  # else it is sound alone
            peak, average = peak + found.peak, average + found.average
        _check_bandwidth(where, values, found, {"BANDWIDTH": peak, "AVERAGE-BANDWIDTH": average}, report)


def _check_rate(where: str, values: Mapping[str, str], found: Rendition, report: Report) -> None:
    declared = decimal(values.get("FRAME-RATE", ""))
    if declared is None or not found.duration:
        return
    measured = sum(part.samples for part in found.known) / found.duration
    if abs(measured - declared) > Fraction(1, 100) and found.whole:
        told = f"FRAME-RATE says {float(declared):.3f}, the samples say {float(measured):.3f}"
        report.error(where, "RFC 8216 4.3.4.2", told)


def _check_bandwidth(
    where: str, values: Mapping[str, str], found: Rendition, measured: Mapping[str, Fraction], report: Report
) -> None:
    allowed = _CLOSE if found.playlist.ended else _GROWING
    for (name, truth), rule in zip(measured.items(), ("1.26", "1.27"), strict=True):
        declared = whole(values.get(name, ""))
        if declared is None:
            continue
        told = f"{name} says {declared}, measured are {float(truth):.0f} bits a second"
        if truth > declared * (1 + allowed):
            report.error(where, f"Apple {rule}", told)
        elif found.playlist.ended and truth < declared * (1 - allowed):
            report.advice(where, f"Apple {rule}", told)


def _check_iframes(master: MasterPlaylist, listed: Listed, found: Rendition, report: Report) -> None:
    where = f"{master.where}:{listed.line}"
    if not found.playlist.iframes_only:
        report.error(where, "RFC 8216 4.3.4.3", f"{listed.uri} has no EXT-X-I-FRAMES-ONLY")
    declared = listed.attributes.get("CODECS")
    if found.track and declared and declared.lower() != found.track.codec.lower():
        report.error(where, "RFC 8216 4.3.4.3", f"CODECS says {declared}, the bytes say {found.track.codec}")
    if found.track and found.track.kind == "video":
        size = f"{found.track.width}x{found.track.height}"
        if listed.attributes.get("RESOLUTION", size) != size:
            told = f"RESOLUTION says {listed.attributes['RESOLUTION']}, the bytes say {size}"
            report.error(where, "RFC 8216 4.3.4.3", told)
    values = whole(listed.attributes.get("BANDWIDTH", ""))
    peak = max((8 * part.bytes / part.duration for part in found.known if part.duration), default=Fraction(0))
    if values is not None and peak > values * (1 + _CLOSE):
        report.error(
            where, "RFC 8216 4.3.4.3", f"BANDWIDTH says {values}, measured are {float(peak):.0f} bits a second"
        )
    starts = [part.start for part in found.known]
    if starts != sorted(set(starts)):
        report.error(found.playlist.where, "RFC 8216 4.3.3.6", "its pictures are not in order")


def _check_together(master: MasterPlaylist, found: Sequence[Rendition], report: Report) -> None:
    targets = {rendition.playlist.target for rendition in found}
    if len(targets) > 1:
        report.advice(master.where, "Apple 8.2", f"EXT-X-TARGETDURATION differs: {sorted(t or 0 for t in targets)}")
    ended = [each for each in found if each.playlist.ended]
    if ended and len(ended) < len(found):
        report.advice(master.where, "Apple 8.7", "some playlists are at their end, and others are not")
    videos = [each for each in found if each.track and each.track.kind == "video" and each.whole]
    _check_lengths(master, ended, videos, report)
    _check_alignment(master, videos, report)
    firsts = [part.shown for each in found if (part := next(iter(each.known), None)) and part.shown is not None]
    if firsts and max(firsts) - min(firsts) > _AAC_FRAME:
        told = f"the renditions begin {float(max(firsts) - min(firsts)):.3f} s apart"
        report.error(master.where, "Apple 8.7", f"{told}: sound and pictures do not go together")


def _check_lengths(
    master: MasterPlaylist, ended: Sequence[Rendition], videos: Sequence[Rendition], report: Report
) -> None:
    lengths = {each.playlist.where: each.playlist.seconds for each in ended}
    frames = [each.duration / sum(part.samples for part in each.known) for each in videos]
    allowed = max([_AAC_FRAME, *frames])
    if lengths and max(lengths.values()) - min(lengths.values()) > allowed:
        told = ", ".join(f"{where} {float(seconds):.3f} s" for where, seconds in lengths.items())
        report.error(master.where, "Apple 8.3", f"the renditions are not equally long: {told}")


def _check_alignment(master: MasterPlaylist, videos: Sequence[Rendition], report: Report) -> None:
    """Segment by segment, as far as all have got."""
    breaks = {tuple(at for at, entry in enumerate(each.playlist.entries) if entry.discontinuity) for each in videos}
    if len(breaks) > 1 and all(each.playlist.ended for each in videos):
        told = "EXT-X-DISCONTINUITY stands before different segments of different variants"
        report.error(master.where, "RFC 8216 6.2.4", told)
    for number, row in enumerate(zip(*(each.known for each in videos), strict=False)):
        if len({(part.start, part.duration) for part in row}) > 1:
            told = f"segment {number} begins or ends at different times in different variants"
            report.error(master.where, "RFC 8216 6.2.4", f"{told}: players cannot switch there")
            return
        if len({part.key_frames for part in row}) > 1:
            told = f"the key frames of segment {number} lie at different times in different variants"
            report.error(master.where, "Apple 1.10", told)
            return
