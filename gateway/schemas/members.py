"""Options of the members of answers: what the API document says of them."""

from typing import Any


def required(description: str, **metadata: Any) -> dict[str, Any]:
    """Options of a member that an answer always has."""
    return {"required": True, "metadata": {"description": description, **metadata}}


def nullable(description: str, **metadata: Any) -> dict[str, Any]:
    """Options of a member that an answer always has, perhaps as null."""
    return {"allow_none": True, **required(description, **metadata)}
