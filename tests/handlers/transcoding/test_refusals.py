"""Guards against files that are broken or meant to do harm: one line for a person, no retry, nothing published."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from broker.errors import PermanentError
from handlers.transcoding.encrypted import encrypted
from handlers.transcoding.probe import probe
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture, sound


@pytest.fixture
def requests_seen() -> Iterator[list[str]]:
    """What a web server on this machine was asked for; its address stands first."""
    seen: list[str] = []

    class Log(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Log) as server:
        seen.append(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield seen
        server.shutdown()
        thread.join(10)


def refused(upload: Path, folder: Path) -> str:
    """The message with which a file is refused for good; nothing of it may be published or still run."""
    context = FakeContext(folder, upload)
    with pytest.raises(PermanentError) as caught:
        transcode(context)
    message = caught.value.message
    assert context.stored() == []
    assert context.running == []
    assert context.attached == {}
    assert "\n" not in message
    assert str(folder) not in message
    return message


@pytest.fixture
def film(make: Make) -> Path:
    return make("index_first.mp4", *picture("320x180", seconds=2), *sound(2), *X264, *AAC, "-movflags", "+faststart")


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"><image x:href="{}"/></svg>'


@pytest.mark.parametrize("text", [PLAYLIST, SVG, "ffconcat version 1.0\nfile {}\n", "<MPD><BaseURL>{}</BaseURL></MPD>"])
@pytest.mark.parametrize("target", ["web", "neighbour"])
def test_a_list_of_other_files_is_not_followed(
    text: str, target: str, film: Path, tmp_path: Path, requests_seen: list[str]
) -> None:
    (tmp_path / "neighbour.mp4").write_bytes(film.read_bytes())
    upload = tmp_path / "upload.mp4"
    upload.write_text(text.format(f"{requests_seen[0]}/x.mp4" if target == "web" else "neighbour.mp4"))
    assert "not a video" in refused(upload, tmp_path)
    assert len(requests_seen) == 1


@pytest.mark.parametrize("demuxer", ["mov", "matroska", "mpegts"])
def test_a_demuxer_is_never_guessed(demuxer: str, film: Path, tmp_path: Path, requests_seen: list[str]) -> None:
    """Even what is recognised wrongly is only read as what it was recognised to be."""
    (tmp_path / "neighbour.mp4").write_bytes(film.read_bytes())
    upload = tmp_path / "upload.mp4"
    upload.write_text("ffconcat version 1.0\nfile neighbour.mp4\n")
    with pytest.raises(PermanentError):
        probe(FakeContext(tmp_path, upload), upload, demuxer)
    assert len(requests_seen) == 1


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"not a video", bytes(range(256)) * 64])
def test_what_is_no_video_is_told_so(content: bytes, tmp_path: Path) -> None:
    upload = tmp_path / "upload.mp4"
    upload.write_bytes(content)
    assert "not a video" in refused(upload, tmp_path)


def test_a_video_that_was_cut_off_is_told_so(film: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
    assert "cut off" in refused(cut, tmp_path)


def test_a_video_without_its_index_is_told_so(make: Make, tmp_path: Path) -> None:
    whole = make("index_last.mp4", *picture("320x180"), *X264).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "damaged, cut off or not a video" in refused(cut, tmp_path)


def test_pictures_that_cannot_be_decoded_are_told_so(film: Path, tmp_path: Path) -> None:
    damaged = bytearray(film.read_bytes())
    start = damaged.index(b"mdat") + 4
    damaged[start:] = bytes(len(damaged) - start)
    upload = tmp_path / "damaged.mp4"
    upload.write_bytes(damaged)
    assert "no picture" in refused(upload, tmp_path)


def test_sound_alone_is_no_video(make: Make, tmp_path: Path) -> None:
    assert "no video track" in refused(make("sound.mp4", *sound(), *AAC), tmp_path)


def test_music_with_a_cover_is_no_video(make: Make, tmp_path: Path) -> None:
    cover = make("cover.png", *picture("64x64", seconds=0.04), "-frames:v", "1")
    album = ("-i", str(cover), *sound(), *AAC, "-c:v", "copy", "-disposition:v", "attached_pic")
    assert "no video track" in refused(make("album.mp4", *album), tmp_path)


def test_a_picture_that_would_fill_the_memory_is_not_decoded(make: Make, tmp_path: Path) -> None:
    bomb = make(
        "bomb.mov", "-f", "lavfi", "-i", "color=red:s=8000x6000:d=0.04", "-c:v", "png", "-pred", "none", "-threads", "1"
    )
    assert "megapixels" in refused(bomb, tmp_path)


@pytest.mark.parametrize("more", [(), ("-movflags", "+frag_keyframe+empty_moov")], ids=["whole", "fragments"])
def test_an_encrypted_video_is_told_so(more: tuple[str, ...], make: Make, tmp_path: Path) -> None:
    locked = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb")
    key = ("-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
    assert "encrypted" in refused(
        make(f"locked{len(more)}.mp4", *picture("64x48"), *X264, *locked, *key, *more), tmp_path
    )


@pytest.mark.parametrize(("before", "told"), [(b"", True), (b"\x1f\x43\xb6\x75\xff", False)], ids=["header", "cluster"])
def test_of_matroska_the_beginning_alone_tells_that_it_is_encrypted(before: bytes, told: bool, tmp_path: Path) -> None:
    """Behind it any bytes may stand."""
    (tmp_path / "locked.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + before + b"\x6d\x80\x8a\x62\x40\x50\x35\x80")
    assert encrypted(tmp_path / "locked.mkv", "matroska") is told


def test_two_pictures_a_day_apart_are_not_filled_up(make: Make, tmp_path: Path) -> None:
    apart = "setpts=if(N\\,100000/TB\\,0)"
    bomb = make("days.mkv", *picture("64x48", seconds=0.08), "-vf", apart, "-fps_mode", "vfr", *X264)
    assert "longer than 12 hours" in refused(bomb, tmp_path)


def test_a_language_cannot_write_into_the_playlist(make: Make, tmp_path: Path) -> None:
    evil = 'x",URI="http://example.test/'
    upload = make("evil.mkv", *picture("320x180"), *sound(), *X264, *AAC, "-metadata:s:a:0", f"language={evil}")
    assert b"example.test" in upload.read_bytes()
    context = FakeContext(tmp_path, upload)
    transcode(context)
    assert 'LANGUAGE="und"' in (context.hls / "master.m3u8").read_text()
