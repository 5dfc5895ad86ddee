"""Chooses the encoder of a codec: one of this machine's hardware where the operator wants that, else software.

What ffmpeg lists tells what it was built with, not whether there is a card and a driver. So an encoder is there when it
has encoded a picture, with the options that it will get.
"""

from subprocess import TimeoutExpired

import ffmpeg as graph

from broker.context import TaskContext
from broker.errors import PermanentError
from handlers.media.program import check_not_killed, log_tail, program
from handlers.transcoding import ffmpeg
from handlers.transcoding.encoding import HARDWARE, SOFTWARE, Encoding

#: What is known to be there, as the bundled ffmpeg has it and every video needs it.
_SURE = SOFTWARE["h264"]
#: Seconds in which a picture has to be encoded: drivers take some to wake up.
_PATIENCE = 30.0
_SIZE, _RATE, _GOP = "640x360", 2_000_000, 50
#: Whether encoders work, by name: in this process nothing changes that.
_works: dict[str, bool] = {}


def choose(context: TaskContext, codec: str, hardware: str) -> tuple[str, list[str]]:
    """The encoder's name, and a warning where it is not of the kind that ``hardware`` (``VIDEO_HARDWARE``) prefers.

    Raises ``PermanentError`` when there is none.
    """
    warnings = []
    if hardware != "never":
        for each in HARDWARE:
            if works(context, f"{codec}_{each}"):
                return f"{codec}_{each}", []
        if hardware == "require":
            raise PermanentError(f"No hardware of the worker encodes {codec}, which VIDEO_HARDWARE=require asks for.")
        warnings = [f"It was encoded by software: no hardware of the worker encodes {codec}."]
    name = SOFTWARE[codec]
    if not works(context, name):
        raise PermanentError(f"The worker's ffmpeg cannot encode {codec}: {name} is missing. Ask for another codec.")
    return name, warnings


def works(context: TaskContext, name: str) -> bool:
    """Whether an encoder encodes a picture here. Raises ``TransientError`` when the machine is in trouble."""
    if name not in _works:
        _works[name] = name == _SURE or _try(context, name)
    return _works[name]


def _try(context: TaskContext, name: str) -> bool:
    encoding = Encoding(name)
    picture = encoding.prepared(graph.input(f"color=black:s={_SIZE}:r=25", format="lavfi").filter("format", "yuv420p"))
    output = graph.output(picture, "-", format="null", **encoding.options(_RATE, _GOP), **{"frames:v": 1})
    argv = [ffmpeg.binary(), "-hide_banner", "-nostdin", "-v", "error", *encoding.devices, *output.get_args()]
    with program(context, argv, graphics=encoding.hardware) as process:
        try:
            code = process.wait(_PATIENCE)
        except TimeoutExpired:
            code = 1
    if not encoding.hardware:
        check_not_killed(code, "ffmpeg")
    if code:
        context.log.info("the encoder %s does not work here: %s", name, log_tail(context.scratch, 500))
    return code == 0
