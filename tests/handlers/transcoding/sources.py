"""ffmpeg arguments for the sources of the tests: small, short, and cheap to make."""

#: H.264 that costs next to nothing, and sound.
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")


def picture(size: str, rate: str = "25", seconds: float = 1) -> tuple[str, ...]:
    """A moving test picture."""
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}")


def sound(seconds: float = 1) -> tuple[str, ...]:
    """Noise, which the encoder likes better than a tone."""
    return ("-f", "lavfi", "-i", f"anoisesrc=a=0.1:d={seconds}")


def grey(size: str, rate: str, seconds: float, luma: str) -> tuple[str, ...]:
    """Plain pictures whose luma is a function of the frame number ``N`` and the time ``T``."""
    plain = f"nullsrc=s=16x16:r={rate}:d={seconds},geq=lum='{luma}':cb=128:cr=128,scale={size},setsar=1"
    return ("-f", "lavfi", "-i", plain)


def tone(seconds: float, when: str) -> tuple[str, ...]:
    """1 kHz while the expression of ``t`` holds."""
    return ("-f", "lavfi", "-i", f"aevalsrc='if({when},0.8*sin(2*PI*1000*t),0)':s=48000:d={seconds}")
