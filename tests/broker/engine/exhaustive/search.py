"""Every interleaving of a small world, each state once: breadth first, so what is found has the shortest way there.

The scripts themselves are called on a server, from each state of Redis that was reached. A path is a list of labels,
and `Search.replay` takes it again, call by call.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from broker.clock import Clock
from broker.engine import scripts
from broker.queues.limits import burst_argument, concurrency_argument
from tests.broker.engine.exhaustive import daemon, foreign, owners, workers  # noqa: F401, they list their operations
from tests.broker.engine.exhaustive.canonical import canonical
from tests.broker.engine.exhaustive.foreign import Tools
from tests.broker.engine.exhaustive.graph import Graph
from tests.broker.engine.exhaustive.judge_states import is_drained, wrong_with_state
from tests.broker.engine.exhaustive.judge_steps import Edge, wrong_with_step
from tests.broker.engine.exhaustive.judge_turns import nobody_is_passed_twice
from tests.broker.engine.exhaustive.luck import LAST, without_luck
from tests.broker.engine.exhaustive.operations import OPERATIONS
from tests.broker.engine.exhaustive.snapshots import Change, Command, Snapshots
from tests.broker.engine.exhaustive.successors import Try, changed, edges_of, tries
from tests.broker.engine.exhaustive.world import (
    KEYS,
    PREFIX,
    SECOND,
    TYPE,
    Env,
    Hand,
    Node,
    Step,
    World,
)


class CounterExample(AssertionError):
    """The shortest way into what must not be."""

    def __init__(self, world: World, path: Sequence[str], problems: Sequence[str], calls: Sequence[str]) -> None:
        told = zip(path, calls, strict=True)
        lines = [f"World {world.name!r}, {len(path)} steps:"]
        lines += [f"  {number}. {label}\n       {text}" for number, (label, text) in enumerate(told, 1)]
        super().__init__("\n".join([*lines, *problems]))
        self.path = list(path)
        self.problems = list(problems)


@dataclass
class Result:
    """What was seen of a world."""

    world: World
    states: int = 0
    steps: int = 0
    #: Were all states seen, or as many as were asked for?
    complete: bool = True

    def __str__(self) -> str:
        return f"{self.world.name}: {self.states:,} states, {self.steps:,} steps{'' if self.complete else ' (stopped)'}"


class Search:
    """On a server of its own at ``port``. ``library`` is the text of the scripts, the real one or a spoilt one."""

    def __init__(self, port: int, library: str | None = None) -> None:
        self._snapshots = Snapshots(port, PREFIX)
        self._tools = Tools(port)
        self._title = scripts.library("clock_test")[0]
        with Redis(port=port) as redis:
            redis.function_load(without_luck(library or scripts.library("clock_test")[1]), replace=True)
        self._scripts = {name: scripts.Script(name, clock="clock_test") for name in scripts.names()}

    def close(self) -> None:
        self._snapshots.close()
        self._tools.close()

    def explore(self, world: World, most: int | None = None) -> Result:
        """Every state of the world, or the first ``most``. Raises ``CounterExample``."""
        graph, result = Graph(), Result(world)
        first = self.beginning(world)
        frontier = deque([(graph.add(canonical(first), -1, ""), first)])
        while frontier:
            if most is not None and len(graph.labels) >= most:
                result.complete = False
                graph.drained += [state for state, _ in frontier]
                break
            state, node = frontier.popleft()
            if is_drained(node):
                graph.drained.append(state)
            for label, edge, fair in self._edges(world, node):
                result.steps += 1
                if problems := [*wrong_with_step(edge), *nobody_is_passed_twice(edge)]:
                    raise self._example(world, [*graph.path(state), label], problems)
                number = canonical(edge.after)
                found = graph.numbers.get(number)
                if found is None:
                    found = graph.add(number, state, label)
                    if problems := wrong_with_state(world, edge.after):
                        raise self._example(world, graph.path(found), problems)
                    frontier.append((found, edge.after))
                if fair:
                    graph.fair_from.append(state)
                    graph.fair_to.append(found)
        result.states = len(graph.labels)
        if (stuck := graph.stuck()) is not None:
            raise self._example(world, graph.path(stuck), ["from here not everything comes to its end"])
        return result

    def replay(self, world: World, path: Sequence[str]) -> list[str]:
        """What is wrong after these steps, or with the last of them."""
        node, problems = self.beginning(world), []
        for label in path:
            edge = next(edge for each, edge, _ in self._edges(world, node) if each == label)
            problems += [*wrong_with_step(edge), *nobody_is_passed_twice(edge), *wrong_with_state(world, edge.after)]
            node = edge.after
        return problems

    def beginning(self, world: World) -> Node:
        """The type is declared, somebody listens for the ends of all tasks, and workers are awake."""
        now = _now()
        types = f"{TYPE}={world.rate or ''}/{burst_argument(world.burst)}/{concurrency_argument(world.concurrency)}"
        ends = "task.completed,task.failed,task.cancelled"
        listeners = [
            part for tenant in sorted({s.tenant for s in world.tasks}) for part in (f"{tenant}:webhooks", ends)
        ]
        reap = next(OPERATIONS["reap"](world, Node({}, {}, Env(now, 0, ()))))
        commands = [
            self._command(Step("", "declare", {"prefix": PREFIX, "types": types})),
            ("HSET", KEYS.listeners(), *listeners),
            self._command(reap),
        ]
        ((answer, changes),) = self._snapshots.try_all({}, now, [commands])
        assert not isinstance(answer, Exception), answer
        env = Env(
            now, 0, (Hand(),) * world.workers, losses=world.losses, deaths=world.deaths, steps_back=world.steps_back,
            foreign_acts=world.foreign_acts, changes=world.changes,
        )  # fmt: skip
        return changed(Node({}, {}, env), env, changes)[0]

    # one state's steps ----------------------------------------------------------------------------------------------

    def _edges(self, world: World, node: Node) -> Iterator[tuple[str, Edge, bool]]:
        """(label, step that was taken, whether it is fair)"""
        possible = list(tries(world, node))
        calls = [self._commands(each) for each in possible if each.step.script]
        answers = iter(self._snapshots.try_all(node.payloads, node.env.now, calls) if calls else ())
        before: tuple[Any, list[Change]] = None, []
        for each in possible:
            found = next(answers) if each.step.script else self._acted(node, each.step)
            if not (each.last and found == before):
                yield from edges_of(world, node, each, *found)
            before = found

    def _acted(self, node: Node, step: Step) -> tuple[Any, list[Change]]:
        if step.act is None:
            return None, []
        return self._snapshots.act(node.payloads, node.env.now, lambda: step.act(self._tools))

    def _commands(self, each: Try) -> list[Command]:
        first = () if each.again else each.step.first
        return [*first, *(LAST if each.last else ()), self._command(each.step)]

    def _command(self, step: Step) -> Command:
        script = self._scripts.get(step.script)
        if script is None:
            return (step.script, *step.values.values())
        return ("FCALL", f"{self._title}_{step.script}", len(script.keys), *script.arguments(step.values))

    def _example(self, world: World, path: Sequence[str], problems: Sequence[str]) -> CounterExample:
        node, calls = self.beginning(world), []
        for label in path:
            edge = next(edge for each, edge, _ in self._edges(world, node) if each == label)
            values = {name: value for name, value in edge.step.values.items() if name != "prefix"}
            calls.append(f"{edge.step.script} {values} -> {edge.answer!r}" if edge.step.script else "")
            node = edge.after
        return CounterExample(world, path, problems, calls)


def _now() -> int:
    """RQ's tools read the clock of this machine."""
    return Clock().now_us() // SECOND * SECOND
