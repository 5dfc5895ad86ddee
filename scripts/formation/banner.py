"""What ``make run`` says once everything is ready: where it is, how to get in, what to try first.

The key is in the link's fragment, which browsers keep to themselves: no server and no log sees it.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scripts.formation.output import Printer
from scripts.formation.process import Process


@dataclass(frozen=True)
class Place:
    """Where the pieces of one formation are to be found."""

    url: str
    #: Empty where it is the operator's own, which no log is to hold.
    api_key: str
    dashboard: str
    engine: str
    data_dir: str


def banner(place: Place, processes: Sequence[Process], seconds: float, printer: Printer) -> str:
    """The text, ready to be copied from."""
    key = place.api_key or "$KEY"
    rows = [
        ("page", f"{place.url}/#key={place.api_key}" if place.api_key else f"{place.url}/"),
        ("gateway", place.url),
        ("API key", place.api_key or "yours, from API_KEYS"),
        ("terminal", _terminal(place)),
        ("dashboard", place.dashboard),
        ("engine", place.engine),
    ]
    lines = [printer.bold(f"Mindia Tasks is ready ({seconds:.1f} s)"), ""]
    lines += [f"  {name:10} {value}" for name, value in rows if value]
    lines += ["", f"  {'process':10} {'pid':>7}  state"]
    lines += [f"  {process.name:10} {process.pid:>7}  {process.state}" for process in processes]
    lines += [
        "",
        "Try it: open the page and drop a video, or",
        f'  curl -H "Authorization: Bearer {key}" -F file=@video.mp4 {place.url}/api/videos',
        f'  curl -H "Authorization: Bearer {key}" {place.url}/api/tasks',
        "",
        f"How it stands:  {_beside(place)}{_here(Path(sys.executable))} -m broker doctor",
        f"RQ's own tools:  {_beside(place)}make rq ARGS=info",
        "Ctrl-C stops everything; what was accepted is kept and goes on at the next start.",
    ]
    return "\n".join(lines)


def _terminal(place: Place) -> str:
    """How ``mindia`` is called beside this run; empty where it is not installed, or would not find it by itself."""
    program = Path(sys.executable).with_name("mindia")
    if not place.api_key or not program.exists() or urlsplit(place.url).hostname not in ("127.0.0.1", "::1"):
        return ""
    return f"{_beside(place)}{_here(program)} (finds address and key by itself)"


def _beside(place: Place) -> str:
    """What comes before a command that is to find this run: its folder, where that is not the usual one."""
    folder = Path(place.data_dir)
    return "" if folder.resolve() == Path(".data").resolve() else f"DATA_DIR={shlex.quote(str(folder))} "


def _here(program: Path) -> str:
    """As it is typed in this folder."""
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)
