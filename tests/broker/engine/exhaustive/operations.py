"""What may happen in a small world: one generator for each kind of step, by the name under which a world lists it.

A step is a call of a script with the arguments that the real caller would give it, or something that no script knows
of: the clock, a death. Each yields the steps that are possible in a state.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.broker.engine.exhaustive.world import (
    PREFIX,
    Env,
    Node,
    Step,
    World,
)

Operation = Callable[[World, Node], Iterator[Step]]
OPERATIONS: dict[str, Operation] = {}


def operation(function: Operation) -> Operation:
    """Worlds list it by its name."""
    OPERATIONS[function.__name__] = function
    return function


def call(label: str, script: str, values: dict[str, Any], **more: Any) -> Step:
    """A step that calls a script."""
    return Step(label, script, {"prefix": PREFIX, **values}, **more)


def counts_call(env: Env, _answer: Any) -> Env:
    """The next call gets another id."""
    return env._replace(calls=env.calls + 1)
