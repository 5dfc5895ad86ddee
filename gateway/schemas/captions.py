"""Captions of videos: what is sent, and how they are shown."""

from flask_smorest.fields import Upload
from marshmallow import fields
from marshmallow.validate import Regexp

from broker.captions.caption import LANGUAGE, MAX_CAPTIONS, MAX_LABEL
from broker.captions.cues import MAX_CUES
from broker.captions.reading import MAX_BYTES
from broker.schema import Schema
from gateway.fields import Words
from gateway.schemas.members import nullable, required

#: As JSON Schema's dialect has it, where ``$`` does not match before a line's end.
_LANGUAGE = rf"^{LANGUAGE.pattern}(?![\s\S])"


class CaptionUpload(Schema):
    """A form with a file of captions."""

    file = Upload(
        required=True,
        metadata={
            "description": f"SubRip (SRT) or WebVTT in UTF-8, at most {MAX_BYTES} bytes and {MAX_CUES} cues. Kept as "
            "WebVTT: its tags and places stay, styles, comments and other markup do not."
        },
    )
    language = fields.String(
        required=True,
        validate=Regexp(_LANGUAGE, error="Must be a language tag (BCP 47), such as en, pt-BR or zh-Hant."),
        metadata={"description": "A language tag (BCP 47).", "example": "pt-BR", "pattern": _LANGUAGE},
    )
    label = Words(
        MAX_LABEL,
        metadata={
            "description": "What players call it, such as English; its language unless given.",
            "example": "English",
        },
    )


class Caption(Schema):
    """A video's captions in one language."""

    id = fields.String(**required("The captions' id.", format="uuid"))
    language = fields.String(**required("A language tag (BCP 47); und where nobody has said."))
    label = fields.String(**required("What players call it."))
    source = fields.String(
        **required("`upload`, `embedded` (a track of the uploaded file), or the plugin that heard what is said.")
    )
    cues = fields.Integer(**required("How many there are."))
    created_at = fields.String(**nullable("When it was added, if that was by an upload.", format="date-time"))
    url = fields.String(**required("The text as WebVTT, for a track element, say; opens without a key, for 24 hours."))


class CaptionList(Schema):
    """All captions of a video."""

    captions = fields.List(
        fields.Nested(Caption),
        **required(f"In the order in which players list them; at most {MAX_CAPTIONS} are added."),
    )
