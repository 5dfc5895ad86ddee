"""Strange containers: what they are called, what they say of themselves, where they end."""

from tests.handlers.transcoding.odd.table import BOTH, H264, MPEG, PICTURES, SOUND, Odd, cut, replaced
from tests.handlers.transcoding.sources import AAC, X264

_UMLAUT = replaced(b"ZXr", b"Z\xfcr")
_TITLE = ("-metadata", "title=ZXrich")
_WMV = ("-c:v", "wmv2", "-c:a", "wmav2")
_THEORA = ("-c:v", "libtheora", "-c:a", "libvorbis")
_VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0", "-c:a", "libopus")
_CUT, _NO_VIDEO, _OTHER = "is cut off: only", "no video track", "not a video file that can be transcoded"
_FRAGMENTS = ("-g", "5", "-movflags", "+frag_keyframe+empty_moov")

CONTAINERS = {
    "latin1 title.mp4": Odd((*BOTH, *H264, *_TITLE), _UMLAUT, sounds=1),
    "latin1 title.mov": Odd((*BOTH, *H264, *_TITLE), _UMLAUT, sounds=1),
    "latin1 title.mkv": Odd((*BOTH, *H264, *_TITLE), _UMLAUT, sounds=1),
    "latin1 title.flv": Odd((*BOTH, *H264, *_TITLE), _UMLAUT, frames=26, sounds=1),
    "latin1 title.avi": Odd((*BOTH, "-c:v", "mpeg4", "-c:a", "mp2", *_TITLE), _UMLAUT, frames=26, sounds=1),
    "latin1 service.ts": Odd((*BOTH, *MPEG, "-metadata", "service_name=ZXrich"), _UMLAUT, sounds=1),
    "latin1 handler.mp4": Odd((*BOTH, *H264, "-metadata:s:v:0", "handler_name=ZXrich"), _UMLAUT, sounds=1),
    "latin1 language.mkv": Odd((*BOTH, *H264, "-metadata:s:a:0", "language=ZXr"), _UMLAUT, sounds=1),
    "cut.mp4": Odd((*BOTH, *H264, "-movflags", "+faststart"), cut(0.6), refused=_CUT),
    "no index.mp4": Odd((*BOTH, *H264), cut(0.6), refused="damaged, cut off or not a video"),
    "cut.mkv": Odd((*BOTH, *H264), cut(0.6), refused=_CUT),
    "cut.webm": Odd((*BOTH, *_VP8), cut(0.6), refused=_CUT),
    "cut.avi": Odd((*BOTH, "-c:v", "mpeg4", "-c:a", "mp2"), cut(0.6), refused=_CUT),
    "cut.wmv": Odd((*BOTH, *_WMV), cut(0.6), refused=_CUT),
    "cut.flv": Odd((*BOTH, *H264), cut(0.6), refused=_CUT),
    "cut index.mp4": Odd((*PICTURES, *X264, *_FRAGMENTS, "-movflags", "+dash+global_sidx"), cut(0.6), refused=_CUT),
    "cut.ogv": Odd((*PICTURES, "-c:v", "libtheora", "-b:v", "50k"), cut(0.999), frames=25, warnings=("has no end",)),
    "whole.ogv": Odd((*BOTH, *_THEORA), sounds=1),
    "vp8.ogg": Odd((*PICTURES, "-c:v", "libvpx", "-deadline", "realtime")),
    "fragments.mp4": Odd((*BOTH, *H264, *_FRAGMENTS), sounds=1),
    "live.mkv": Odd((*BOTH, *H264, "-live", "1"), sounds=1),
    "stream.ts": Odd((*BOTH, *H264), sounds=1),
    "camera.m2ts": Odd((*BOTH, *H264, "-mpegts_m2ts_mode", "1"), sounds=1),
    "disc.mpg": Odd((*BOTH, *MPEG), sounds=1),
    "phone.3gp": Odd((*BOTH, *H264), sounds=1),
    "sound.mp4": Odd((*SOUND, *AAC), refused=_NO_VIDEO),
    "sound.webm": Odd((*SOUND, "-c:a", "libopus"), refused=_NO_VIDEO),
    "sound.ogv": Odd((*SOUND, "-c:a", "libvorbis"), refused=_OTHER),
    "animation.gif": Odd((*PICTURES, "-c:v", "gif"), refused=_OTHER),
    "animation.webp": Odd((*PICTURES, "-c:v", "libwebp_anim"), refused=_OTHER),
    "elementary.h264": Odd((*PICTURES, *X264), refused=_OTHER),
    "empty.mp4": Odd((*PICTURES, *X264), lambda _: b"", refused=_OTHER),
    "text.mp4": Odd((*PICTURES, *X264), lambda _: b"once upon a time\n" * 99, refused=_OTHER),
    "list.mp4": Odd((*PICTURES, *X264), lambda _: b"#EXTM3U\n#EXTINF:1,\nx.ts\n", refused=_OTHER),
    "parts.mp4": Odd((*PICTURES, *X264), lambda _: b"ffconcat version 1.0\nfile x.mp4\n", refused=_OTHER),
    "drawing.mp4": Odd((*PICTURES, *X264), lambda _: b'<svg xmlns="http://www.w3.org/2000/svg"/>', refused=_OTHER),
    "terminal.mp4": Odd((*PICTURES, *X264), lambda _: b"\x1b[31mred\x1b[0m\n" * 99, refused=_OTHER),
}
