"""Guards the recognition of files: real files of each format are told apart, and no bytes at all make it raise.

What is recognised as media is opened by the very demuxer it names, so a wrong name fails here.
"""

import io
import subprocess
import zipfile
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image
from pillow_heif import register_heif_opener

from broker.errors import UnsupportedMedia
from broker.media.sniff import HEAD_BYTES, Sniffed, named, sniff, type_of

VIDEO = "-f lavfi -i testsrc2=size=64x64:rate=25:duration=0.4 -pix_fmt yuv420p"
AUDIO = "-f lavfi -i sine=frequency=440:duration=0.4"
CONTAINERS = [
    ("a.mp4", f"{VIDEO} -c:v libx264", Sniffed("video", "video/mp4", "mov")),
    ("b.mp4", f"{VIDEO} -c:v libx264 -movflags +frag_keyframe+empty_moov", Sniffed("video", "video/mp4", "mov")),
    ("a.mov", f"{VIDEO} -c:v libx264", Sniffed("video", "video/quicktime", "mov")),
    ("a.3gp", f"{VIDEO} -c:v libx264", Sniffed("video", "video/3gpp", "mov")),
    ("a.mkv", f"{VIDEO} -c:v libx264", Sniffed("video", "video/x-matroska", "matroska")),
    ("a.webm", f"{VIDEO} -c:v libvpx", Sniffed("video", "video/webm", "matroska")),
    ("a.avi", f"{VIDEO} -c:v mpeg4", Sniffed("video", "video/x-msvideo", "avi")),
    ("a.wmv", f"{VIDEO} -c:v wmv2", Sniffed("video", "video/x-ms-asf", "asf")),
    ("a.flv", f"{VIDEO} -c:v flv", Sniffed("video", "video/x-flv", "flv")),
    ("a.ts", f"{VIDEO} -c:v mpeg2video", Sniffed("video", "video/mp2t", "mpegts")),
    ("a.m2ts", f"{VIDEO} -c:v mpeg2video -mpegts_m2ts_mode 1", Sniffed("video", "video/mp2t", "mpegts")),
    ("a.mpg", f"{VIDEO} -c:v mpeg1video -f mpeg", Sniffed("video", "video/mpeg", "mpeg")),
    ("a.m4a", f"{AUDIO} -c:a aac -f ipod", Sniffed("audio", "audio/mp4", "mov")),
    ("a.mp3", f"{AUDIO} -c:a libmp3lame", Sniffed("audio", "audio/mpeg", "mp3")),
    ("b.mp3", f"{AUDIO} -c:a libmp3lame -write_xing 0 -id3v2_version 0", Sniffed("audio", "audio/mpeg", "mp3")),
    ("a.wav", AUDIO, Sniffed("audio", "audio/wav", "wav")),
    ("b.wav", f"{AUDIO} -rf64 always", Sniffed("audio", "audio/wav", "wav")),
    ("a.flac", AUDIO, Sniffed("audio", "audio/flac", "flac")),
    ("a.ogg", f"{AUDIO} -c:a libvorbis", Sniffed("audio", "audio/ogg", "ogg")),
    ("a.opus", f"{AUDIO} -c:a libopus", Sniffed("audio", "audio/ogg", "ogg")),
    ("a.oga", f"{AUDIO} -c:a flac -f ogg", Sniffed("audio", "audio/ogg", "ogg")),
    ("a.aac", f"{AUDIO} -c:a aac", Sniffed("audio", "audio/aac", "aac")),
    ("a.aiff", AUDIO, Sniffed("audio", "audio/aiff", "aiff")),
    ("a.au", AUDIO, Sniffed("audio", "audio/basic", "au")),
    ("a.snd", f"{AUDIO} -c:a pcm_mulaw -ar 8000 -f au", Sniffed("audio", "audio/basic", "au")),
    ("a.mp2", f"{AUDIO} -c:a mp2", Sniffed("audio", "audio/mpeg", "mp3")),
    ("half.mp2", f"{AUDIO} -c:a mp2 -ar 22050 -b:a 64k", Sniffed("audio", "audio/mpeg", "mp3")),
    ("a.ac3", f"{AUDIO} -c:a ac3 -ar 44100", Sniffed("audio", "audio/ac3", "ac3")),
    ("b.ac3", f"{AUDIO} -c:a ac3 -ar 48000 -ac 6 -b:a 640k", Sniffed("audio", "audio/ac3", "ac3")),
    ("c.ac3", f"{AUDIO} -c:a ac3 -ar 32000", Sniffed("audio", "audio/ac3", "ac3")),
    ("a.eac3", f"{AUDIO} -c:a eac3", Sniffed("audio", "audio/eac3", "eac3")),
    ("a.caf", AUDIO, Sniffed("audio", "audio/x-caf", "caf")),
    ("a.ogv", f"{VIDEO} -c:v libtheora", Sniffed("video", "video/ogg", "ogg")),
    ("vp8.ogv", f"{AUDIO} {VIDEO} -c:v libvpx -c:a libvorbis", Sniffed("video", "video/ogg", "ogg")),
]
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PICTURES = ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF"]
register_heif_opener()


def zipped(name: str) -> bytes:
    """An archive of one file, the same bytes at any time: they are part of the names of tests."""
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "x")
    return file.getvalue()


def page(declared: str, words: str, encoding: str = "") -> bytes:
    head = f'<html><head><META http-equiv="Content-Type" content="text/html; charset={declared}"></head><body>'
    return head.encode() + words.encode(encoding or declared)


def box(brand: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + brand + b"\0\0\0\0" + b"".join(compatible)
    return (len(body) + 4).to_bytes(4) + body + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(("name", "arguments", "expected"), CONTAINERS, ids=[row[0] for row in CONTAINERS])
def test_a_real_file_is_recognised_and_its_demuxer_opens_it(
    tmp_path: Path, name: str, arguments: str, expected: Sniffed
) -> None:
    path = tmp_path / name
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", *arguments.split(), str(path)]
    subprocess.run(command, check=True, timeout=60)
    assert sniff(path.read_bytes()[:HEAD_BYTES]) == expected
    with av.open(str(path), format=expected.demuxer, options={"protocol_whitelist": "file"}) as container:
        assert len(getattr(container.streams, expected.kind)) == 1


#: An ID3v2 tag of 20 bytes, as servers of radio and encoders put it before any sound.
TAG = b"ID3\x04\x00\x00\x00\x00\x00\x14" + bytes(20)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.aac", "audio/aac"), ("a.flac", "audio/flac"), ("a.mp2", "audio/mpeg")],
)
def test_a_tag_in_front_hides_nothing(tmp_path: Path, name: str, expected: str) -> None:
    path = tmp_path / name
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", *AUDIO.split(), str(path)]
    subprocess.run(command, check=True, timeout=60)
    path.write_bytes(TAG + path.read_bytes())
    found = sniff(path.read_bytes()[:HEAD_BYTES])
    assert found
    assert found.content_type == expected
    with av.open(str(path), format=found.demuxer) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) > 10_000


@pytest.mark.parametrize("form", PICTURES)
def test_a_picture_is_an_image_and_pillow_opens_it(form: str) -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, form)
    content_type = "image/heic" if form == "HEIF" else f"image/{form.lower()}"
    assert sniff(file.getvalue()[:HEAD_BYTES]) == Sniffed("image", content_type)
    assert Image.open(file).format == form


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (box(b"mif1", b"mif1", b"avif"), Sniffed("image", "image/avif")),
        (box(b"heic", b"mif1", b"heic"), Sniffed("image", "image/heic")),
        (box(b"mif1", b"heic"), Sniffed("image", "image/heic")),
        (box(b"mif1", b"jpeg"), None),
        (box(b"crx ", b"isom"), None),
        (box(b"M4B ", b"isom"), Sniffed("audio", "audio/mp4", "mov")),
        (box(b"isom"), Sniffed("video", "video/mp4", "mov")),
        (b"\0\0\0\x08wide\0\1\2\3mdat", Sniffed("video", "video/quicktime", "mov")),
        (b"RIFF\x24\0\0\0sfbk", None),
        (b"\xff\xfe" + "UTF-16 text".encode("utf-16-le"), Sniffed("document", "text/plain")),
        (b"\xfe\xff" + "UTF-16 text".encode("utf-16-be"), Sniffed("document", "text/plain")),
        ("Größe, “ten” of it, 5 €".encode("utf-16-le"), None),
        ("Größe, “ten” of it, and much more behind".encode("utf-16-le"), Sniffed("document", "text/plain")),
        ("Größe, “ten” of it, and much more behind".encode("utf-16-be")[:-1], Sniffed("document", "text/plain")),
        ("<!doctype html><p>x".encode("utf-16-be"), Sniffed("document", "text/html")),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nx".encode("utf-16-le"), Sniffed("document", "text/vtt")),
        ("abc".encode("utf-16-le"), None),
        ("ab\0c".encode("utf-16-le"), None),
        ("ab\1cdef".encode("utf-16-le"), None),
        ("Größe, Кошка".encode("utf-16-le"), None),
        (b"\0\0\0a\0\0\0b\0\0\0c", None),
        (b"\xff\xfe" + b"\x01\0" * 50, None),
        ("Die Größe der Stühle".encode("cp1252"), Sniffed("document", "text/plain")),
        (b"\xef\xbb\xbf\r\n %PDF-1.4\n%\xe2\xe3", Sniffed("document", "application/pdf")),
        (b"100 %PDF-1.4", Sniffed("document", "text/plain")),
        (b"{\\rtf1\\ansi hello}", None),
        (b"#!AMR\n" + bytes(100), Sniffed("audio", "audio/amr", "amr")),
        (b"FORMs of AIFF", Sniffed("document", "text/plain")),
        (b"caffeine", Sniffed("document", "text/plain")),
        (b"\xff\xf1\x50\x80\x01\x00\xff\xf1", None),
        (b"\xff\xfd\x84\x00" + bytes(2000), None),
        (b"\x0b\x77\x00\x00\x14\x40" + bytes(2000), None),
        (b"\x0b\x77\x00\x7f\x34\x86" + bytes(2000), None),
        (TAG, Sniffed("audio", "audio/mpeg", "mp3")),
        (b".snd files", Sniffed("document", "text/plain")),
        (b'<?xml version="1.0"?>\n<!-- a --> <!-- > -->\n<!doctype html PUBLIC "x">', Sniffed("document", "text/html")),
        (page("koi8-r", "Привет, кошка" * 50), Sniffed("document", "text/html")),
        (page("Shift_JIS", "日本語の猫" * 50), Sniffed("document", "text/html")),
        (page("koi8-r", "Кошка\x01"), None),
        (page("zlib", "Größe", "cp1252"), Sniffed("document", "text/html")),
        (page("utf-16", "Größe", "cp1252"), Sniffed("document", "text/html")),
        (b"<head>\n<title>x", Sniffed("document", "text/html")),
        (b"<!---->" * 500 + b"<p>", Sniffed("document", "text/plain")),
        (b"<?xml version='1.0'?><rss>", Sniffed("document", "text/plain")),
        ("<html><p>Größe".encode("cp1252"), Sniffed("document", "text/html")),
        ("1\n00:00:01,000 --> 00:00:02,000\nGröße".encode("cp1252"), Sniffed("document", "application/x-subrip")),
        ("1\n00:00:01,000 --> 00:00:02,000\nGröße".encode("utf-16"), Sniffed("document", "application/x-subrip")),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nGröße".encode("utf-16"), Sniffed("document", "text/vtt")),
        (b"<!DOCTYPE html>\n<p>x", Sniffed("document", "text/html")),
        (b"\xef\xbb\xbf<HTML lang=de>", Sniffed("document", "text/html")),
        (b"<htmlx>", Sniffed("document", "text/plain")),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nhello", Sniffed("document", "text/vtt")),
        (b"1\r\n00:00:01,000 --> 00:00:02,000\r\nhello", Sniffed("document", "application/x-subrip")),
        (b"1\r00:00:01,000 --> 00:00:02,000\rhello", Sniffed("document", "application/x-subrip")),
        (b"00:00:01,000 --> 00:00:02,000\nhello", Sniffed("document", "application/x-subrip")),
        (b"1\n-0:0:1 --> 0:0:2.5\nhello", Sniffed("document", "application/x-subrip")),
        (zipped("[Content_Types].xml"), Sniffed("document", WORD)),
        (zipped("word/document.xml"), Sniffed("document", WORD)),
        (zipped("photo.jpg"), None),
        (b"\xff\xfb\xf0\x00" + bytes(100), None),
        (b"PK\x03\x04" + bytes(100), None),
        (b"\x7fELF" + bytes(100), None),
        (b"", None),
        (b"\0" * 400, None),
        (b"G", Sniffed("document", "text/plain")),
    ],
    ids=repr,
)
def test_brands_and_lookalikes(head: bytes, expected: Sniffed | None) -> None:
    assert sniff(head) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The wide river",
        "Who moov",
        "ID3 tags are old",
        "G" * 1000,
        "line\r\n\ttab\f",
        "naïve 日本語 🎬",
        "\ufeffwith a mark",
        "#EXTM3U\nfile:///etc/passwd",
        "ffconcat version 1.0\nfile secret.mp4",
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_text_is_a_document_and_never_reaches_a_demuxer(text: str) -> None:
    assert sniff(text.encode()) == Sniffed("document", "text/plain")


def test_text_may_be_cut_in_the_middle_of_a_character() -> None:
    whole = ("é" * HEAD_BYTES).encode()
    assert sniff(whole[: HEAD_BYTES - 1]) == Sniffed("document", "text/plain")
    assert sniff(b"x\xc3\x81\x81x") is None


@pytest.mark.parametrize("control", ["\0", "\x1b[2J", "\x08", "\x7f", "\x9b"])
def test_text_with_control_characters_is_not_text(control: str) -> None:
    assert sniff(f"harmless {control} words".encode()) is None


def test_nothing_but_its_name_says_that_text_is_markdown() -> None:
    text = sniff(b"# Title")
    assert named(text, "Read me.MD") == Sniffed("document", "text/markdown")
    assert named(text, "a.txt") == text
    assert named(Sniffed("image", "image/png"), "a.md") == Sniffed("image", "image/png")


def test_parts_of_pages_are_told_by_their_names() -> None:
    text = sniff(b"<p>Penguins")
    assert named(text, "part.HTM") == Sniffed("document", "text/html")
    assert named(text, "part.txt") == text


def test_a_broadcast_is_known_from_the_middle_of_a_packet_on(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    command = [
        get_ffmpeg_exe(),
        "-nostdin",
        "-v",
        "error",
        *VIDEO.split(),
        "-c:v",
        "mpeg2video",
        "-b:v",
        "2M",
        str(path),
    ]
    subprocess.run(command, check=True, timeout=60)
    data = path.read_bytes()[188 * 3 + 100 :]
    assert sniff(data[:HEAD_BYTES]) == Sniffed("video", "video/mp2t", "mpegts")
    assert sniff(data[: 188 * 10]) is None, "too little to be sure"


SOUND = [
    ("rec.webm", "-c:a libopus", "audio/webm"),
    ("a.mka", "-c:a libvorbis", "audio/x-matroska"),
    ("a.mp4", "-c:a aac", "audio/mp4"),
    ("b.mp4", "-c:a aac -movflags +frag_keyframe+empty_moov", "audio/mp4"),
    ("a.3gp", "-c:a aac", "audio/3gpp"),
    ("a.wma", "-c:a wmav2", "audio/x-ms-wma"),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), SOUND, ids=[row[0] for row in SOUND])
def test_sound_alone_in_the_container_of_a_video_is_sound_when_it_is_sent_as_such(
    tmp_path: Path, name: str, arguments: str, expected: str
) -> None:
    path, both = tmp_path / name, tmp_path / f"both {name}"
    made = [get_ffmpeg_exe(), "-nostdin", "-v", "error", *AUDIO.split()]
    subprocess.run([*made, *arguments.split(), str(path)], check=True, timeout=60)
    assert type_of(path.read_bytes()[:HEAD_BYTES], "audio", name) == expected
    codec = {"webm": "libvpx", "wma": "wmv2"}.get(name.rpartition(".")[2], "libx264")
    pictures = [*VIDEO.split(), "-map", "0", "-map", "1", "-c:v", codec, "-movflags", "+faststart"]
    subprocess.run([*made, *pictures, *arguments.split(), str(both)], check=True, timeout=60)
    with pytest.raises(UnsupportedMedia, match="is a video"):
        type_of(both.read_bytes()[:HEAD_BYTES], "audio", name)


def test_a_pdf_is_a_document() -> None:
    assert sniff(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n") == Sniffed("document", "application/pdf")


signatures = st.sampled_from(
    [
        b"\0\0\0\x18ftyp",
        b"\0\0\0\x01ftyp",
        b"RIFF\0\0\0\0",
        b"OggS\0",
        b"ID3\x04",
        b"\xff\xfb",
        b"\x1aE\xdf\xa3",
        b"fLaC",
    ]
)


@given(st.binary(max_size=600) | st.builds(bytes.__add__, signatures, st.binary(max_size=600)))
def test_no_bytes_make_it_raise(head: bytes) -> None:
    found = sniff(head)
    assert found is None or found.kind in ("video", "image", "audio", "document")
    assert found is None or (found.kind in ("video", "audio")) == (found.demuxer is not None)


@pytest.mark.parametrize(
    ("head", "kind", "instead"),
    [
        (b"{\\rtf1\\ansi Hello", "document", "PDF"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text", "document", r"Word \(docx\)"),
        (b"BM" + bytes(60), "image", "PNG"),
        (b"MThd" + bytes(20), "audio", "MP3"),
        (b".RMF" + bytes(20), "video", "MP4"),
    ],
)
def test_who_sends_another_format_is_told_what_to_send(head: bytes, kind: str, instead: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"not an? .* of a format that is supported here: send .*{instead}"):
        type_of(head, kind, "a")
