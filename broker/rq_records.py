"""The one door to RQ: the constant its job hashes carry, and what happens when RQ itself tries to run a task."""

import base64
import pickle
import pickletools
import zlib
from importlib.metadata import version

#: What worker records name as their version.
RQ_VERSION = version("rq")

#: RQ's ``data`` field is a pickled call ``(function name, instance, args, kwargs)``. Ours is the same for every task, a
#: call of `refuse` without arguments, so that nobody gains code execution by writing to Redis; it is never read by us.
#: `include/submit.lua` has it as text.
CALL = "broker.rq_records.refuse"
DATA = pickletools.optimize(pickle.dumps((CALL, None, (), {}), protocol=0))


#: RQ's queue for other programs' jobs that stood in ours; `include/strangers.lua` has it as text. No type is named so.
STRANGERS = "set-aside"


def refuse() -> None:
    """What a stock ``rq worker`` executes when it gets hold of one of our tasks."""
    raise RuntimeError("run tasks with this project's worker: python -m scripts.worker")


def traceback_text(text: str) -> bytes:
    """A traceback as RQ stores it in a result stream: zlib, then base64."""
    return base64.b64encode(zlib.compress(text.encode("utf-8", "replace")))
