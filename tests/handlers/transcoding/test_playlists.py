"""Guards the numbers in the playlists: bandwidths, durations, and the order of renditions."""

from fractions import Fraction

from handlers.transcoding.boxes import Segment
from handlers.transcoding.ladder import rungs
from handlers.transcoding.playlists import Track, Variant, master_playlist, media_playlist, target_duration


def track(name: str, codec: str, *parts: tuple[int, Fraction | int]) -> Track:
    """A track of (bytes, seconds)."""
    return Track(
        name,
        codec,
        tuple(
            Segment(f"seg_{number:05d}.m4s", size, Fraction(0), 1, Fraction(seconds))
            for number, (size, seconds) in enumerate(parts)
        ),
    )


AUDIO = track("audio", "mp4a.40.2", (96_000, 6), (32_000, 2))


def test_the_peak_is_over_runs_of_half_to_one_and_a_half_segments() -> None:
    assert track("a", "", (600_000, 6), (900_000, 6), (750_000, 6)).peak == 1_200_000
    assert track("a", "", (600_000, 6), (400_000, 3)).peak == Fraction(8 * 400_000, 3)
    a_short_last_one_counts_with_its_neighbour = track("a", "", (600_000, 6), (600_000, 2))
    assert a_short_last_one_counts_with_its_neighbour.peak == 1_200_000
    assert track("a", "", (1000, Fraction(1, 25))).peak == 200_000


def test_bandwidth_includes_the_audio() -> None:
    (rung,) = rungs(640, 360)
    video = track("360p", "avc1.64001e", (600_000, 6), (100_000, 2))
    alone, together = Variant(rung, video, None), Variant(rung, video, AUDIO)
    assert (alone.bandwidth, together.bandwidth) == (800_000, 928_000)
    assert (alone.average_bandwidth, together.average_bandwidth) == (700_000, 828_000)
    assert (alone.codecs, together.codecs) == ("avc1.64001e", "avc1.64001e,mp4a.40.2")


def test_a_media_playlist_says_how_long_each_segment_is() -> None:
    ntsc = Fraction(6006, 1000)
    video = track("720p", "avc1.64001f", (1, ntsc), (1, ntsc), (1, Fraction(1001, 30_000)))
    assert media_playlist(video, target_duration([video, AUDIO])) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:6\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="init.mp4"\n'
        "#EXTINF:6.006000,\nseg_00000.m4s\n"
        "#EXTINF:6.006000,\nseg_00001.m4s\n"
        "#EXTINF:0.033367,\nseg_00002.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


def test_the_target_is_never_below_one_second() -> None:
    assert target_duration([track("a", "", (1, Fraction(1, 25)))]) == 1


def test_the_master_playlist_begins_with_720p_and_goes_on_upwards() -> None:
    variants = [Variant(rung, track(rung.name, "avc1.64001f", (600_000, 6)), AUDIO) for rung in rungs(1920, 1080)]
    text = master_playlist(variants, Fraction(30_000, 1001), "fra")
    lines = text.splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    assert lines[3] == (
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio",LANGUAGE="fra",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
        'URI="audio/index.m3u8"'
    )
    assert lines[4] == (
        '#EXT-X-STREAM-INF:BANDWIDTH=928000,AVERAGE-BANDWIDTH=928000,CODECS="avc1.64001f,mp4a.40.2",'
        'RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"'
    )
    assert lines[5::2] == [f"{name}/index.m3u8" for name in ("720p", "360p", "480p", "1080p")]


def test_without_sound_the_master_playlist_names_none() -> None:
    variants = [Variant(rung, track(rung.name, "avc1.64001e", (1, 6)), None) for rung in rungs(320, 180)]
    text = master_playlist(variants, Fraction(25), "und")
    assert "AUDIO" not in text
    assert "mp4a" not in text
