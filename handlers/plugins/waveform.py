"""The plugin ``waveform``: how loud a recording is over time, to be drawn. Needs no account."""

import json
from typing import Any

from marshmallow import Schema, fields, validate

from broker.plugin import Plugin, PluginContext


class WaveformConfig(Schema):
    """Set by ``WAVEFORM_POINTS``."""

    points = fields.Integer(
        load_default=1000,
        validate=validate.Range(10, 20_000),
        metadata={"description": "How many parts of equal length the recording is measured in."},
    )


class Waveform(Plugin):
    """The peaks of the mixed channels, in numbers and as a picture."""

    name = "waveform"
    description = "Measures the peaks of sound over time, for players that show a waveform."
    media_types = frozenset({"video", "audio"})
    config_schema = WaveformConfig
    requires = ("av", "PIL", "numpy")

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"duration_seconds", "peak": 0..1, "points"}`` and two files.

        ``waveform.json`` is in the data format of BBC's audiowaveform, version 2, which peaks.js and others read;
        ``waveform.png`` is a drawing of it.
        """
        from handlers.plugins.peaks import audiowaveform, drawing, measure  # noqa: PLC0415

        with context.local_file() as path:
            peaks = measure(path, context.config["points"], lambda percent: context.progress(percent, "listening"))
        context.save("waveform.json", json.dumps(audiowaveform(peaks), separators=(",", ":")).encode())
        context.save("waveform.png", drawing(peaks))
        return {"duration_seconds": round(peaks.seconds, 3), "peak": peaks.highest, "points": len(peaks.lows)}
