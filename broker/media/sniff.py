"""Tells what a file is from its first bytes, whatever its name claims; text alone is told apart by its name.

Only what is recognised here is ever given to a decoder, and a decoder is told the format found here: ffmpeg's own
guessing opens playlists, which read other files. Signatures are those of the formats' specifications; the names of
demuxers are ffmpeg's.
"""

import re
from dataclasses import dataclass

from broker.errors import UnsupportedMedia
from broker.media.sound_frames import framed
from broker.media.text_kinds import PLAIN, kind_by_name, kind_of_old_text, kind_of_text

#: How each kind of media is called.
ARTICLE = {"video": "a video", "image": "an image", "audio": "an audio file", "document": "a document"}
#: What to send instead of what is of no supported format.
_INSTEAD = {
    "video": "MP4, MOV, WebM or Matroska, as programs export it",
    "image": "JPEG, PNG, GIF, WebP, AVIF or HEIC",
    "audio": "MP3, AAC, FLAC, WAV or Ogg, as programs export it",
    "document": "text, Markdown, HTML, PDF, Word (docx), SRT or WebVTT; most programs export PDF",
}
#: How much of a file ``sniff`` wants to see. Less is enough for most formats.
HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Sniffed:
    """``kind`` is ``video``, ``image``, ``audio`` or ``document``; only video and audio have a ``demuxer``."""

    kind: str
    content_type: str
    demuxer: str | None = None


_FLAC = Sniffed("audio", "audio/flac", "flac")
_SIMPLE = (
    (b"\xff\xd8\xff", Sniffed("image", "image/jpeg")),
    (b"\x89PNG\r\n\x1a\n", Sniffed("image", "image/png")),
    (b"GIF87a", Sniffed("image", "image/gif")),
    (b"GIF89a", Sniffed("image", "image/gif")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Sniffed("video", "video/x-ms-asf", "asf")),
    (b"FLV\x01", Sniffed("video", "video/x-flv", "flv")),
    (b"\x00\x00\x01\xba", Sniffed("video", "video/mpeg", "mpeg")),
    (b"fLaC\x00", _FLAC),
    (b"fLaC\x80", _FLAC),
    (b"#!AMR\n", Sniffed("audio", "audio/amr", "amr")),
    (b"#!AMR-WB\n", Sniffed("audio", "audio/amr", "amr")),
    (b"caff\0\1", Sniffed("audio", "audio/x-caf", "caf")),
    (b".snd\0\0", Sniffed("audio", "audio/basic", "au")),
)
_RIFF = {
    b"AVI ": Sniffed("video", "video/x-msvideo", "avi"),
    b"WAVE": Sniffed("audio", "audio/wav", "wav"),
    b"WEBP": Sniffed("image", "image/webp"),
}
_MOV, _MP4, _3GP = (Sniffed("video", f"video/{name}", "mov") for name in ("quicktime", "mp4", "3gpp"))
_M4A = Sniffed("audio", "audio/mp4", "mov")
_AVIF = Sniffed("image", "image/avif")
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A "})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC = Sniffed("image", "image/heic")
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
#: HEIF pictures, which are supported when they are coded by HEVC or AV1, as another brand says.
_HEIF_BRANDS = _HEIC_BRANDS | {b"mif1", b"msf1"}
#: Canon's raw pictures.
_UNSUPPORTED_BRANDS = frozenset({b"crx "})
_AIFF = Sniffed("audio", "audio/aiff", "aiff")
#: By the names of ``framed``; one demuxer reads all layers of MPEG.
_FRAMED = {
    "mp3": Sniffed("audio", "audio/mpeg", "mp3"),
    "mp2": Sniffed("audio", "audio/mpeg", "mp3"),
    "aac": Sniffed("audio", "audio/aac", "aac"),
    "ac3": Sniffed("audio", "audio/ac3", "ac3"),
    "eac3": Sniffed("audio", "audio/eac3", "eac3"),
}
_MPEG_TS = Sniffed("video", "video/mp2t", "mpegts")
#: What each packet of a transport stream begins with, and how many of them are no chance.
_SYNC, _MANY_PACKETS = set(b"G"), 15
_OGG_VIDEO, _OGG_AUDIO = Sniffed("video", "video/ogg", "ogg"), Sniffed("audio", "audio/ogg", "ogg")
_OGG_VIDEO_CODECS = (b"\x80theora", b"BBCD\x00", b"\x01video\x00", b"OVP80\x01")
_OGG_AUDIO_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
_WORD = Sniffed("document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
#: First bytes of zip archives, and what the first file in one of Microsoft's is called.
_ZIP, _OFFICE = b"PK\x03\x04", (b"[Content_Types].xml", b"_rels/", b"docProps/", b"word/", b"customXml/")
#: Where in an archive the name of its first file begins.
_ZIP_NAME = 30
_PDF = Sniffed("document", "application/pdf")
#: What may stand before a PDF: blanks, and a byte order mark.
_BEFORE_PDF = b"\0\t\n\f\r \xef\xbb\xbf"
#: What sound alone in the container of a video is kept as, and how the head of such a file says that it has pictures.
_SOUND_ALONE = {
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
    "video/mp4": "audio/mp4",
    "video/3gpp": "audio/3gpp",
    "video/quicktime": "audio/mp4",
    "video/x-ms-asf": "audio/x-ms-wma",
}
_PICTURES = re.compile(rb"\x86[\x81-\xff]V_|hdlr.{8}vide|\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd", re.DOTALL)


def sniff(head: bytes) -> Sniffed | None:
    """What a file that begins with ``head`` is, or ``None`` for anything unknown, empty or unsupported. Never raises.

    The signatures after text could also be words at its beginning ("The wide river" is no QuickTime file), so they
    count only in what is not text.
    """
    for signature, found in _SIMPLE:
        if head.startswith(signature):
            return found
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"\x1aE\xdf\xa3"):
        return Sniffed("video", "video/webm" if b"webm" in head[:64] else "video/x-matroska", "matroska")
    if head.startswith(b"OggS\x00"):
        return _ogg(head)
    if head.startswith(_ZIP):
        return _WORD if head[_ZIP_NAME:].startswith(_OFFICE) else None
    return (
        _pdf(head)
        or _document(kind_of_text(head))
        or _iso_media(head)
        or _frames(head)
        or _aiff(head)
        or _transport_stream(head)
        or _document(kind_of_old_text(head))
    )


def named(found: Sniffed, filename: str) -> Sniffed:
    """What was sniffed, knowing the file's name, too: nothing in Markdown says that it is."""
    return Sniffed("document", kind_by_name(filename)) if found.content_type == PLAIN else found


def type_of(head: bytes, kind: str, filename: str) -> str:
    """What a file is that begins so, and must be of this kind. Raises ``UnsupportedMedia``.

    Containers of videos may hold sound alone, as browsers record it: what is sent as sound is taken for that, unless
    its head names pictures.
    """
    found = sniff(head)
    if found and kind == "audio" and found.content_type in _SOUND_ALONE and not _PICTURES.search(head):
        return _SOUND_ALONE[found.content_type]
    if found is None:
        told = f"The file is not {ARTICLE[kind]} of a format that is supported here: send {_INSTEAD[kind]}."
        raise UnsupportedMedia(told)
    if found.kind != kind:
        raise UnsupportedMedia(f"The file is {ARTICLE[found.kind]} ({found.content_type}), not {ARTICLE[kind]}.")
    return named(found, filename).content_type


def _pdf(head: bytes) -> Sniffed | None:
    return _PDF if head.lstrip(_BEFORE_PDF).startswith(b"%PDF-") else None


def _document(content_type: str | None) -> Sniffed | None:
    return Sniffed("document", content_type) if content_type else None


def _iso_media(head: bytes) -> Sniffed | None:
    """ISO base media (ISO/IEC 14496-12) and QuickTime: a 32-bit size, then the first box's type."""
    box = head[4:8]
    if box in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _MOV
    if box != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4]), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if not _AVIF_BRANDS.isdisjoint(brands):
        return _AVIF
    major = brands[0]
    if major in _HEIF_BRANDS:
        return None if _HEIC_BRANDS.isdisjoint(brands) else _HEIC
    if major in _UNSUPPORTED_BRANDS:
        return None
    if major in _AUDIO_BRANDS:
        return _M4A
    if major == b"qt  ":
        return _MOV
    return _3GP if major[:3] in (b"3gp", b"3g2") else _MP4


def _ogg(head: bytes) -> Sniffed | None:
    """Every stream's first page names its codec, and all first pages come before any other (RFC 3533)."""
    if any(codec in head for codec in _OGG_VIDEO_CODECS):
        return _OGG_VIDEO
    return _OGG_AUDIO if any(codec in head for codec in _OGG_AUDIO_CODECS) else None


def _frames(head: bytes) -> Sniffed | None:
    """Frames of sound, or an ID3v2 tag and what comes behind it; MP3, where that is out of sight."""
    if len(head) >= 10 and head[:3] == b"ID3" and head[3] in (2, 3, 4) and max(head[6:10]) < 0x80:
        behind = head[10 + sum(each << 7 * place for place, each in enumerate(reversed(head[6:10]))) :]
        return _FLAC if behind.startswith(b"fLaC") else _FRAMED[framed(behind) or "mp3"]
    return _FRAMED.get(framed(head) or "")


def _aiff(head: bytes) -> Sniffed | None:
    return _AIFF if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC") else None


def _transport_stream(head: bytes) -> Sniffed | None:
    """Packets of 188 bytes that begin with 0x47; cameras put a time stamp of four bytes before each.

    A broadcast may have been recorded from the middle of a packet on: then many have to follow each other.
    """
    plain = head[0:377:188], head[4:389:192]
    if b"GGG" in plain:
        return _MPEG_TS
    runs = (head[start::length] for length in (188, 192) for start in range(length))
    return _MPEG_TS if any(len(run) >= _MANY_PACKETS and set(run) == _SYNC for run in runs) else None
