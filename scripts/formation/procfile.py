"""The Procfile: a line for each process, ``name: command``. What a command means, variables and all, is the shell's."""

import re
from pathlib import Path

#: What runs on one machine; the Procfile's other lines are for scaling apart.
FORMATION = ("web", "broker", "worker", "search", "dashboard")
_LINE = re.compile(r"^([A-Za-z0-9_-]+):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


def read_formation(procfile: Path) -> dict[str, str]:
    """The commands of the formation by name. Raises ``FileNotFoundError``, saying where to start."""
    try:
        text = procfile.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no Procfile in {Path.cwd()}: start in the project's folder.") from None
    found = dict(_LINE.findall(text))
    return {name: found[name] for name in FORMATION if name in found}
