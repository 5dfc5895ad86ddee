"""What may follow a state: each step with what it changed, and the same step with its answer lost."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from broker.engine import scripts
from tests.broker.engine.exhaustive import judge_turns
from tests.broker.engine.exhaustive.judge_states import every_place_is_right
from tests.broker.engine.exhaustive.judge_steps import Edge, spent
from tests.broker.engine.exhaustive.operations import OPERATIONS
from tests.broker.engine.exhaustive.snapshots import Change
from tests.broker.engine.exhaustive.world import KEYS, TYPE, Env, Lost, Node, Step, World, name_of

_LOST = ", the answer is lost"
_AGAIN = "again: "
_OTHER = " (the other is woken)"
#: Scripts that are called often and make no task eligible.
_WAKE_NONE = frozenset({"renew", "prune"})
#: What leaves the state as soon as it is written: events are told, tracebacks are for people.
_LEAVES = (KEYS.outbox(), KEYS.results(""))


class Try(NamedTuple):
    """A step, as the repetition of a lost one or not, and which of several sleepers it wakes: the first or the last."""

    step: Step
    again: Lost | None = None
    last: bool = False

    @property
    def label(self) -> str:
        return f"{_AGAIN if self.again else ''}{self.step.label}{_OTHER if self.last else ''}"


def tries(world: World, node: Node) -> Iterator[Try]:
    """All that is possible in a state."""
    steps = [Try(step) for name in sorted(world.operations) for step in OPERATIONS[name](world, node)]
    if node.env.lost:
        steps.append(Try(node.env.lost.step, node.env.lost))
    sleepers = len(node.get(KEYS.idle(TYPE), ()))
    for each in steps:
        yield each
        if sleepers > 1 and each.step.script in scripts.names() and each.step.script not in _WAKE_NONE:
            yield each._replace(last=True)


def edges_of(
    world: World, node: Node, each: Try, answer: Any, changes: list[Change]
) -> Iterator[tuple[str, Edge, bool]]:
    """(label, step that was taken, whether it is fair), once as it was answered and once as if the answer were lost."""
    step, again = each.step, each.again
    env = node.env if isinstance(answer, Exception) else step.happened(node.env, answer)
    learned = env if isinstance(answer, Exception) else step.learned(env, answer)
    if again:
        learned = learned._replace(lost=None)
    edge = _edge(world, node, step, again, answer, changes, learned)
    yield each.label, edge, step.fair or again is not None
    if step.repeats and not again and env.losses and env.lost is None:
        yield each.label + _LOST, _unanswered(edge, env), False


def _unanswered(edge: Edge, env: Env) -> Edge:
    """The same step, whose caller does not know how it went. ``env``: without what it would have learned."""
    env = env._replace(losses=env.losses - 1, lost=Lost(edge.step, edge.answer))
    books = edge.after.env
    env = env._replace(
        level=books.level, unheard=books.unheard, dirty=books.dirty, came=books.came, passed=books.passed
    )
    if edge.step.worker is not None:
        env = env.with_hand(edge.step.worker, env.hands[edge.step.worker]._replace(mode="unsure"))
    return edge._replace(after=Node(edge.after.values, edge.after.payloads, env))


def _edge(
    world: World, node: Node, step: Step, again: Lost | None, answer: Any, changes: list[Change], env: Env
) -> Edge:
    after, events = changed(node, env, changes)
    if env.dirty and not list(every_place_is_right(world, after)):
        after = Node(after.values, after.payloads, env._replace(dirty=False))
    edge = Edge(world, node, step, answer, after, events, again)
    if _woke_the_dead(edge):
        after = Node(after.values, after.payloads, after.env._replace(unheard=True))
        edge = edge._replace(after=after)
    books = {"level": env.level - spent(edge), **judge_turns.books(edge)}
    return edge._replace(after=Node(after.values, after.payloads, edge.after.env._replace(**books)))


def _woke_the_dead(edge: Edge) -> bool:
    before, after = (node.get(KEYS.idle(TYPE), ()) for node in (edge.before, edge.after))
    return any(
        hand.mode == "dead" and name_of(worker) in before and name_of(worker) not in after
        for worker, hand in enumerate(edge.after.env.hands)
    )


def changed(node: Node, env: Env, changes: list[Change]) -> tuple[Node, list[tuple[str, str]]]:
    """The state after these changes, and the events among them."""
    if not changes:
        return Node(node.values, node.payloads, env), []
    values, payloads, events = dict(node.values), dict(node.payloads), []
    for key, payload, value in changes:
        if key.startswith(_LEAVES):
            events += [(entry["type"], entry["task"]) for entry in value] if key == KEYS.outbox() else []
        elif payload is None:
            del values[key], payloads[key]
        else:
            values[key], payloads[key] = value, payload
    return Node(values, payloads, env), events
