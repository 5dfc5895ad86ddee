"""Names codecs as playlists do (RFC 6381), from what a sample entry says (ISO/IEC 14496-15, AV1-ISOBMFF)."""

from struct import unpack_from

#: Bytes of a visual and of an audio sample entry before its boxes (ISO/IEC 14496-12, 12.1.3 and 12.2.3).
VISUAL_ENTRY, AUDIO_ENTRY = 78, 28
#: Tags of the descriptors in an elementary stream descriptor (ISO/IEC 14496-1, 7.2.2.1).
_STREAM, _CONFIGURATION, _SPECIFIC = 3, 4, 5
_MPEG4_AUDIO = 0x40


def codec_name(kind: bytes, entry: bytes) -> str:
    """``kind`` is the sample entry's four letters, ``entry`` its content. Raises ``ValueError`` for an unknown one."""
    name = kind.decode("latin-1")
    if kind in (b"avc1", b"avc3"):
        return f"{name}.{_box(entry[VISUAL_ENTRY:], b'avcC')[1:4].hex()}"
    if kind in (b"hvc1", b"hev1"):
        return f"{name}.{_hevc(_box(entry[VISUAL_ENTRY:], b'hvcC'))}"
    if kind == b"av01":
        return f"{name}.{_av1(_box(entry[VISUAL_ENTRY:], b'av1C'))}"
    if kind == b"mp4a":
        return f"{name}.{_mpeg4(_box(entry[AUDIO_ENTRY:], b'esds'))}"
    if kind in (b"ac-3", b"ec-3", b"wvtt", b"stpp", b"fLaC", b"Opus"):
        return name
    raise ValueError(f"the codec {name!r} is not known here")


def _hevc(configuration: bytes) -> str:
    """Profile, compatibility, tier and level, and the constraints (ISO/IEC 14496-15, annex E)."""
    space, tier, profile = configuration[1] >> 6, configuration[1] >> 5 & 1, configuration[1] & 31
    (compatible,) = unpack_from(">I", configuration, 2)
    reversed_bits = int(f"{compatible:032b}"[::-1], 2)
    constraints = configuration[6:12].rstrip(b"\0")
    parts = [f"{('', 'A', 'B', 'C')[space]}{profile}", f"{reversed_bits:X}", f"{'LH'[tier]}{configuration[12]}"]
    return ".".join([*parts, *(f"{each:X}" for each in constraints)])


def _av1(configuration: bytes) -> str:
    """Profile, level with its tier, and bits of a sample (AV1-ISOBMFF, section 5)."""
    profile, level = configuration[1] >> 5, configuration[1] & 31
    tier, deep, deeper = configuration[2] >> 7, configuration[2] >> 6 & 1, configuration[2] >> 5 & 1
    return f"{profile}.{level:02d}{'MH'[tier]}.{8 + 2 * deep + 2 * (deep and deeper):02d}"


def _mpeg4(descriptor: bytes) -> str:
    """The object type, and for MPEG-4 audio which kind of it: 40.2 is AAC-LC."""
    stream = _descriptor(descriptor[4:], _STREAM)[3:]  # its number and its flags
    configuration = _descriptor(stream, _CONFIGURATION)
    if configuration[0] != _MPEG4_AUDIO:
        return f"{configuration[0]:X}"
    return f"{configuration[0]:X}.{_descriptor(configuration[13:], _SPECIFIC)[0] >> 3}"


def _descriptor(data: bytes, wanted: int) -> bytes:
    """The content of the descriptor at the beginning of ``data``; its length has seven bits in each byte."""
    if not data or data[0] != wanted:
        raise ValueError(f"there is no descriptor {wanted}")
    at, length = 1, 0
    while data[at] & 0x80:
        length, at = length << 7 | data[at] & 0x7F, at + 1
    length = length << 7 | data[at]
    return data[at + 1 : at + 1 + length]


def _box(data: bytes, wanted: bytes) -> bytes:
    at = 0
    while at + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, at)
        if size < 8:
            break
        if kind == wanted:
            return data[at + 8 : at + size]
        at += size
    raise ValueError(f"there is no {wanted.decode()} box")
