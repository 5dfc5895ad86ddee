"""Profiles of transcodings: how videos are encoded, by names that uploads choose from; some are the operator's own.

What a profile has is what an upload may ask for by itself, read by the same fields.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import OneOf

from broker.defects import pointers
from broker.environment.converters import Setting

CODECS = ("h264", "hevc", "av1")
QUALITIES = ("low", "standard", "high")
#: The short sides that renditions may have, in pixels, and how many there may be.
LOWEST, HIGHEST, MOST_RUNGS = 144, 2160, 8
#: What a profile may be called.
NAME = r"[a-z0-9][a-z0-9_-]{0,31}"
#: The profile of what names none, unless the operator says otherwise.
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """How a video is encoded. ``ladder`` has the short sides of the renditions, in pixels: those above the source's are
    left out.
    """

    codec: str = "h264"
    ladder: tuple[int, ...] = (360, 480, 720, 1080)
    #: How much it may differ from the source, whatever the codec; it decides the bit rate.
    quality: str = "standard"
    #: Whether all sound is brought to one loudness.
    normalize_audio: bool = False


#: By name.
BUILT_IN = {
    DEFAULT: Profile(),
    "small": Profile(ladder=(240, 360, 480), quality="low"),
    "high": Profile(ladder=(360, 480, 720, 1080, 1440, 2160), quality="high"),
    "hevc": Profile(codec="hevc"),
    "av1": Profile(codec="av1"),
}


class _Height(fields.Integer):
    """An even whole number, and no text that looks like one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:
        whole = type(value) is int or (isinstance(value, float) and value.is_integer())
        if not whole or value % 2 or not LOWEST <= value <= HIGHEST:
            raise ValidationError(f"Must be an even whole number from {LOWEST} to {HIGHEST}.")
        return int(value)


class Ladder(fields.List[Any]):
    """The short sides of renditions, each once, in any order."""

    def __init__(self, description: str) -> None:
        of_members = {"minimum": LOWEST, "maximum": HIGHEST, "multipleOf": 2}
        bounds = {"minItems": 1, "maxItems": MOST_RUNGS, "uniqueItems": True, "example": [360, 720]}
        super().__init__(_Height(metadata=of_members), metadata={"description": description, **bounds})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if isinstance(value, list) and not 1 <= len(value) <= MOST_RUNGS:
            raise ValidationError(f"Must have 1 to {MOST_RUNGS} members.")
        heights = super()._deserialize(value, attr, data, **options)
        if twice := [each for number, each in enumerate(heights) if each in heights[:number]]:
            raise ValidationError(f"Has {twice[0]} more than once.")
        return heights


class Flag(fields.Boolean):
    """``true`` or ``false``; 1 and "yes" are neither."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def option_fields() -> dict[str, fields.Field[Any]]:
    """What a profile has, as fields of a schema: the members of ``Profile``."""
    return {
        "codec": fields.String(
            validate=OneOf(CODECS),
            metadata={
                "description": "What pictures are encoded with. Every player plays h264; hevc and av1 need about half "
                "of its bit rate, and up to twice the work."
            },
        ),
        "ladder": Ladder(
            f"Short sides of the renditions in pixels, even, {LOWEST} to {HIGHEST}. None is made larger than the "
            "video; of one that is below them all there is one rendition, of its own size."
        ),
        "quality": fields.String(
            validate=OneOf(QUALITIES),
            metadata={"description": "How close to the source, which decides the bit rate, whatever the codec."},
        ),
        "normalize_audio": Flag(
            metadata={
                "description": "Whether all sound is brought to the operator's loudness (`VIDEO_LOUDNESS`, EBU R 128). "
                "The video then begins to play when its sound has been read once."
            }
        ),
    }


class VideoProfiles(Setting):
    """An object of profiles by name as JSON, or the path of a file that has it; all that is wrong is told at once."""

    def convert(self, text: str) -> dict[str, Profile]:
        try:
            found = json.loads(text if text.startswith("{") else Path(text).read_text())
        except OSError as error:
            raise ValueError(f"cannot be read ({error.strerror}); write JSON, or the path of a file of it") from None
        except ValueError as error:
            raise ValueError(f"is no JSON ({error})") from None
        return _profiles(found)


def profiles(values: Mapping[str, Any]) -> dict[str, Profile]:
    """Those there are, by name, for what the variables say."""
    return BUILT_IN | (values["VIDEO_PROFILES"] or {})


def _profiles(found: Any) -> dict[str, Profile]:
    """Raises ``ValidationError`` with a line for each thing that is wrong."""
    schema = Schema.from_dict(option_fields())(unknown=RAISE)
    known: dict[str, Profile] = {}
    wrong: list[str] = []
    if not isinstance(found, dict):
        raise ValidationError('must be an object, such as {"mobile": {"ladder": [240, 360], "codec": "h264"}}')
    for name, each in found.items():
        if not re.fullmatch(NAME, name):
            wrong.append(f"the name {name!r} must have 1 to 32 small letters, digits, - and _, and begin with no sign")
            continue
        try:
            options = schema.load(each)
        except ValidationError as error:
            told = pointers(error.normalized_messages(), name)
            wrong += [f"{defect['pointer']}: {defect['detail']}" for defect in told]
            continue
        known[name] = Profile(**_frozen(options))
    if wrong:
        raise ValidationError(wrong)
    return known


def _frozen(options: Mapping[str, Any]) -> dict[str, Any]:
    """Members of ``Profile``."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
