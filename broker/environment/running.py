"""The settings of the ``make run`` that goes on in ``DATA_DIR``, for commands beside it without a ``REDIS_URL``."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from broker.environment.variables import VARIABLES, default

#: In ``DATA_DIR``; there while the run is. A shell can read it too: ``. .data/environment; rq info``.
FILE = "environment"


def as_text(environ: Mapping[str, str]) -> str:
    """What is ours of an environment, as a shell reads it. Of the secrets it holds the address of Redis alone."""
    ours = {name: environ[name] for name, each in VARIABLES.items() if environ.get(name) and not each.secret}
    ours |= {"REDIS_URL": environ["REDIS_URL"], "RQ_REDIS_URL": environ["REDIS_URL"]}  # the latter is RQ's own name
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in ours.items())


def beside_a_run(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with what is not set in it as the run has it.

    It is the very same where ``REDIS_URL`` is set, or nothing runs.
    """
    if environ.get("REDIS_URL", "").strip():
        return environ
    folder = Path(environ.get("DATA_DIR", "").strip() or default("DATA_DIR"))
    try:
        words = shlex.split((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return environ
    found = dict(word.split("=", 1) for word in words if "=" in word)
    return found | {name: value for name, value in environ.items() if value and name != "DATA_DIR"}
