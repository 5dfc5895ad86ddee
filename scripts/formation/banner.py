"""What ``make run`` says once everything is ready: where it is, how to get in, what to try first."""

from collections.abc import Sequence
from dataclasses import dataclass

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


def banner(place: Place, processes: Sequence[Process], seconds: float, printer: Printer) -> str:
    """The text, ready to be copied from."""
    key = place.api_key or "$KEY"
    rows = [
        ("gateway", place.url),
        ("API key", place.api_key or "yours, from API_KEYS"),
        ("dashboard", place.dashboard),
        ("engine", place.engine),
    ]
    lines = [printer.bold(f"Mindia Tasks is ready ({seconds:.1f} s)"), ""]
    lines += [f"  {name:10} {value}" for name, value in rows if value]
    lines += ["", f"  {'process':10} {'pid':>7}  state"]
    lines += [f"  {process.name:10} {process.pid:>7}  {process.state}" for process in processes]
    lines += [
        "",
        "Try it: upload a video, then look at its task",
        f'  curl -H "Authorization: Bearer {key}" -F file=@video.mp4 {place.url}/api/videos',
        f'  curl -H "Authorization: Bearer {key}" {place.url}/api/tasks',
        "",
        "How it stands:  python -m broker doctor    RQ's own tools:  make rq ARGS=info",
        "Ctrl-C stops everything; what was accepted is kept and goes on at the next start.",
    ]
    return "\n".join(lines)
