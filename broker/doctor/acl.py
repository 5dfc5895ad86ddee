"""``python -m broker acl``: users for Redis, each with the least that its process needs."""

from collections.abc import Mapping

from broker.engine.rights import PROCESSES, acl
from broker.environment.reading import read_one

#: Those whose rights ``check`` can try: their users may touch every key of ours.
CHECKED = tuple(name for name, rights in PROCESSES.items() if "~P:*" in rights.keys)


def print_acl(environ: Mapping[str, str]) -> int:
    """Prints a line for each process, for the environment's ``RQ_KEY_PREFIX``; returns the exit status."""
    for process, words in acl(read_one(environ, "RQ_KEY_PREFIX")):
        print(f"ACL SETUSER mindia-{process} on >PASSWORD {words}")
    return 0
