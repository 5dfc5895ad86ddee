"""The plugin ``waveform``: how loud a recording is over time, to be drawn. Needs no account."""

from typing import Any

from marshmallow import Schema, validate

from broker.plugin import Plugin, PluginContext
from broker.schema_fields import Integer
from handlers.media.bounds import RECORDING
from handlers.media.decoding import decode

_LISTEN = "handlers.plugins.peaks:listen"


class WaveformConfig(Schema):
    """Set by ``WAVEFORM_POINTS``."""

    points = Integer(
        load_default=1000,
        validate=validate.Range(10, 20_000),
        metadata={
            "description": "In how many parts of equal length the recording is measured; short ones may have fewer."
        },
    )


class Waveform(Plugin):
    """The peaks of the mixed channels, in numbers and as a picture."""

    name = "waveform"
    description = "Measures the peaks of sound over time, for players that show a waveform."
    media_types = frozenset({"video", "audio"})
    config_schema = WaveformConfig
    requires = ("av", "PIL", "numpy")
    installed_by = "mindia-tasks[media]"

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"duration_seconds", "peak": 0..1, "points"}`` and two files.

        ``waveform.json`` is in the data format of BBC's audiowaveform, version 2, which peaks.js and others read;
        ``waveform.png`` is a drawing of it.
        """
        found: dict[str, Any] = {}
        with context.local_file() as path:
            heard = decode(
                _LISTEN, str(path), context.config["points"], limits=RECORDING, seconds=context.seconds_left()
            )
            for found in heard:
                context.progress(found["percent"], "listening")
        for name in ("waveform.json", "waveform.png"):
            context.save(name, found[name])
        return {member: found[member] for member in ("duration_seconds", "peak", "points")}
