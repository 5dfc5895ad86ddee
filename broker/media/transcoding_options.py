"""What may be asked for of a transcoding: a profile, and what differs from it.

Members of its task's payload, and of all that makes one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from marshmallow import fields
from marshmallow.validate import Regexp

from broker.defects import Defect
from broker.environment.reading import read
from broker.environment.variables import Variables
from broker.environment.video_profiles import BUILT_IN, NAME, Flag, Profile, option_fields, profiles
from broker.schema import Schema


def profile_field() -> fields.String:
    """The name of a profile; whether there is one is for ``judge`` to say."""
    return fields.String(
        validate=Regexp(rf"^{NAME}(?![\s\S])", error="Must be the name of a profile."),
        metadata={
            "description": f"How it is encoded: {', '.join(BUILT_IN)}, or one of the operator's (`VIDEO_PROFILES`). "
            "Unless given, what the operator has chosen for all (`VIDEO_PROFILE`). What is asked for beside it "
            "(`codec`, `ladder`, `quality`, `normalize_audio`) takes the place of what it says.",
            "example": "small",
        },
    )


PASSTHROUGH = (
    "Whether the largest rendition is to be the video's own pictures, not encoded again, where these fit: H.264 that "
    "every player takes, evenly, with enough key frames, no larger than the ladder's top. If not, a warning says why."
)


class TranscodingOptions(Schema):
    """All are optional."""

    profile = profile_field()
    codec, ladder, quality, normalize_audio = option_fields().values()
    passthrough = Flag(metadata={"description": PASSTHROUGH})


class UnknownProfile(ValueError):
    """Nobody has declared a profile of that name; says which there are."""


def chosen(options: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, Profile]:
    """The profile that valid ``options``, or else the environment, name, with what else they ask for in its place.

    Raises ``UnknownProfile``.
    """
    values = read(environ, Variables(only=("VIDEO_PROFILE", "VIDEO_PROFILES")))
    known = profiles(values)
    name = options.get("profile", values["VIDEO_PROFILE"])
    if name not in known:
        raise UnknownProfile(f"There is no profile {name}; there are {', '.join(sorted(known))}.")
    asked = {each: options[each] for each in option_fields() if each in options}
    if "ladder" in asked:
        asked["ladder"] = tuple(asked["ladder"])
    return name, replace(known[name], **asked)


def judge(environ: Mapping[str, str]) -> Callable[[Mapping[str, Any]], list[Defect]]:
    """A function that says what of valid options is not to be had where the environment is this one."""
    known = profiles(read(environ, Variables(only=("VIDEO_PROFILES",))))

    def defects(options: Mapping[str, Any]) -> list[Defect]:
        name = options.get("profile")
        if name is None or name in known:
            return []
        return [{"pointer": "/profile", "detail": f"Must be one of {', '.join(sorted(known))}."}]

    return defects
