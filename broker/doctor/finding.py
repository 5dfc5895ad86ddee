"""One thing that is wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, in words, and what its cure has to know."""

    text: str
    #: ``task``, ``order`` (of a task in its queue), ``workers``, ``declare``, ``wrong_type`` (of the key in ``place``),
    #: one of the words of repair_surroundings.lua, or '' for what only a person can change.
    cure: str = ""
    #: Of a task: the key that named it (without prefix), its member there, its tenant and its queue. Else as in
    #: repair_surroundings.lua.
    place: str = ""
    member: str = ""
    tenant: str = ""
    queue: str = ""
