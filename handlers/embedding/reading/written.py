"""What is written in pictures, read by the models that rapidocr brings along (PP-OCRv6: Latin and Chinese writing).

Only plain pixels come here: files are opened in the decoder. Off unless ``EMBED_OCR`` asks for it, since to read takes
several times what all else about a picture does.
"""

import re
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from handlers.embedding.reading.reading_order import text_of

#: What the models hold less likely than this is no text, or none that a search should find.
_SURE = 0.8
#: Letters and digits of a line, below which it is rather a pattern than a word.
_FEWEST = 2
#: Pixels of the longer side in which lines are looked for; they are read in the picture as it is.
_LOOKED_AT = 1280
#: Of the shorter side then: what is narrower has no line of text.
_NARROWEST = 17
_ONE_CORE = {f"EngineConfig.onnxruntime.{each}_op_num_threads": 1 for each in ("intra", "inter")}
_OPTIONS = {"Global.log_level": "critical", "Global.use_cls": False, "Global.text_score": _SURE}
_LETTER = re.compile(r"[^\W_]")
#: Where a word goes on in the next line.
_PARTED = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")


def read(picture: Image.Image) -> str:
    """The lines in an RGB picture, in the order in which they are read; empty where nothing is written."""
    if min(picture.size) * min(1.0, _LOOKED_AT / max(picture.size)) < _NARROWEST:
        return ""
    found = _reader()(np.ascontiguousarray(np.asarray(picture)[:, :, ::-1]))
    lines = [at for at, line in enumerate(found.txts or ()) if len(_LETTER.findall(line)) >= _FEWEST]
    if not lines:
        return ""
    return _PARTED.sub("", text_of(found.boxes[lines], [found.txts[at] for at in lines]))


@cache
def _reader() -> Any:
    """Takes a second to load, and 0.4 GB."""
    import_module("cv2").setNumThreads(1)
    sides = {"Det.limit_type": "max", "Det.limit_side_len": _LOOKED_AT}
    return import_module("rapidocr").RapidOCR(params={**_ONE_CORE, **_OPTIONS, **sides})
