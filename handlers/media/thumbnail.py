"""Draws a small picture of an uploaded one: a WebP goes out, or what is wrong with the file, in one line.

    python -m handlers.media.thumbnail PATH WIDTH > picture

Who starts it needs no media library. It ends with status 3 after the line of a refusal; memory and processor time are
bounded, and at the latter's end the kernel ends it (SIGXCPU).
"""

import io
import resource
import sys
from pathlib import Path
from typing import NoReturn

from PIL import Image, ImageCms

from broker.errors import PermanentError
from handlers.media.bounds import PICTURE
from handlers.media.pictures import eight_bits, picture, reduce, turn_upright, upright_size

#: Seconds of processor time: the costliest file that is accepted takes a third.
_SECONDS, _GRACE = 20, 5
#: What it may be higher than wide, where it would be longer than anybody looks at as one picture.
_TALLEST = 4
#: Pixels that are decoded for each pixel of a side that is drawn: enough for a fine reduction.
_FINE = 2
#: Of a WebP; a higher effort takes twice the time, for 3 to 5 % fewer bytes.
_QUALITY, _EFFORT = 80, 2
_REFUSED = 3
_TOO_MUCH = "This picture needs too much memory to be decoded."
#: Modes of pictures by the colour spaces of profiles (ICC.1:2022, 7.2.6) that say what their numbers mean.
_SPACES = {"RGB": ("RGB", "RGBA"), "CMYK": ("CMYK",)}


def main(path: str, width: str) -> None:
    """Writes to standard output. Raises ``SystemExit`` after a refusal."""
    for kind, limit, hard in (
        (resource.RLIMIT_AS, PICTURE.memory, PICTURE.memory),
        (resource.RLIMIT_CPU, _SECONDS, _SECONDS + _GRACE),  # at a hard one the kernel kills without saying why
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (limit, hard))
    try:
        drawn = thumbnail(Path(path), int(width))
    except MemoryError:
        _refuse(_TOO_MUCH)
    except PermanentError as error:
        _refuse(error.message)
    sys.stdout.buffer.write(drawn)


def thumbnail(path: Path, width: int) -> bytes:
    """A WebP without metadata, upright, in sRGB, with what is transparent: ``width`` pixels wide, or fewer where the
    picture has fewer or is very tall. Raises ``PermanentError``.
    """
    with picture(path) as image:
        wide, high = upright_size(image)
        scale = min(1.0, width / wide, _TALLEST * width / high)
        profile = image.info.get("icc_profile")
        reduce(image, min(1.0, _FINE * scale))
        turn_upright(image)
        size = max(1, round(wide * scale)), max(1, round(high * scale))
        plain = image if image.mode == "CMYK" else eight_bits(image)
        small = plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        return _encode(eight_bits(_in_srgb(small, profile)))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """As ``image`` where its profile says nothing of it, or cannot be read."""
    if not profile:
        return image
    try:
        told = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode not in _SPACES.get(told.profile.xcolor_space.strip(), ()):
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, told, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image


def _encode(image: Image.Image) -> bytes:
    image.info.clear()
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY, method=_EFFORT)
    return out.getvalue()


def _refuse(line: str) -> NoReturn:
    sys.stdout.write(line)
    sys.exit(_REFUSED)


if __name__ == "__main__":
    main(*sys.argv[1:])
