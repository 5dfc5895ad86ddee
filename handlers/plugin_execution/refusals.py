"""A service that asks for fewer requests (429): all leave it alone as long as it says, and no task asks for ever."""

import math
import random

from broker.context import TaskContext
from broker.errors import PermanentError, Postpone

#: A task fails when its own requests were refused so often in so many seconds, and nothing came of it in between.
_MOST, _PATIENCE = 10, 24 * 3600.0
#: Seconds over which those who were held come back.
_SPREAD = 60.0
#: What the task remembers of it: ``[seconds since the epoch of the first refusal, how many]``.
_REFUSED = ":refused"


def refused(task: TaskContext, account: str, seconds: float, said: str, now: float) -> Postpone | PermanentError:
    """Cooldowns the account for so long, counts the refusal, and answers how the run has to end."""
    task.log.warning("%s rests for %g s: %s", account, seconds, said)
    task.start_cooldown(account, seconds)
    first, times = task.recall(_REFUSED) or (now, 0)
    times += 1
    if times < _MOST or now - first < _PATIENCE:
        task.remember(_REFUSED, [first, times])
        return Postpone(seconds)
    task.remember(_REFUSED, None)
    hours = math.floor((now - first) / 3600)
    return PermanentError(f"{said} It has refused this task {times} times in {hours} hours; retry the task to go on.")


def after(rest: float) -> float:
    """Seconds until a held task tries: those who only waited come back apart, behind the one that was refused."""
    return rest + random.uniform(0, min(rest, _SPREAD))


def got_on(task: TaskContext) -> None:
    """The service has let the task get on, so that the next refusal is a first one."""
    if task.recall(_REFUSED):
        task.remember(_REFUSED, None)
