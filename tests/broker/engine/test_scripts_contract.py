"""Guards that what is said of the scripts is true of them: headers, the page of the docs, the
store's methods, and that nothing writes tasks but scripts.
"""

import ast
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script, library, moves, names, read
from broker.engine.shared_tables import TABLES
from broker.engine.transitions import Transitions
from broker.queues.state import KEEP_SECONDS
from broker.status import REGISTRY, RQ_STATUS, TERMINAL, WAITING, Status, score_range
from broker.task import STORED_FIELDS

ROOT = Path(__file__).parents[3]
LUA = ROOT / "broker" / "engine" / "lua"
#: Includes that take the place of ``clock`` in tests: ours, and those of who uses `scripts.testing`.
STANDS_FOR_CLOCK = {"clock_test", "clock_stopped"}
#: By script the moves that its header declares, "none" as a source for creation, as a target for removal.
MOVES = {name: moves(name) for name in names() if moves(name)}
HEADER = re.compile(r"(?:--.*\n)+")

#: Commands that change something. The short ones are other objects' methods too, so there the receiver's name decides.
WRITES = re.compile(
    r"decr(by)?|p?expire(at)?|getdel|getex|getset|h(del|incrby|set|setnx)|incr(by)?|l(move|pop|push|rem|set|trim)|mset|"
    r"p?setex|r(pop|push)|s(add|move|rem)|setnx|x(add|del|trim)|z(add|incrby|popmin|rem|remrangeby\w+)"
)
SHORT = re.compile(r"append|copy|delete|persist|rename|set|spop|unlink")
#: The only modules outside the scripts that send any, and what for: nothing of a task, of a queue or of a limit.
EXCEPTIONS = {
    "daemon/reconcile.py": {"srem"},  # names of dead workers
    # Of RQ's own records, and ours beside them, where jobs of an RQ system are taken over.
    "adoption/runner.py": {"delete"},
    "adoption/source.py": {"sadd", "srem", "zrem"},
    "forecast/accuracy.py": {"lpush", "ltrim"},  # how right forecasts were
    "forecast/history.py": {"xadd"},  # what was counted
    "daemon/sweep.py": {"set"},  # who looks through the storage
    "removal/sources.py": {"zrem"},  # a source that is removed
    "daemon/libraries.py": {"hset", "hdel"},  # other releases' scripts
    "plugins/cooldowns.py": {"set"},  # until when a service outside is left alone
    "tasks/durability.py": {"set"},  # a mark behind what has to be confirmed
    "tasks/idempotency.py": {"hset", "hdel", "expire"},  # answers to requests
    "search/client.py": {"rpush", "lpush", "lrem", "expire"},  # queries
    "search/server.py": {"set", "rpush", "lpop", "expire"},  # their answers, the sign of life of who answers
    "queues/daemons.py": {"set", "sadd", "srem", "delete"},  # who keeps the promises about time
    "doctor/doctor.py": {"rename"},  # a key that is of the wrong type
    "worker/wake.py": {"rpush", "expire"},  # a worker's own children
}


#: What Lua and Redis bring along.
LUA_NAMES = (
    """assert error ipairs next pairs pcall select tonumber tostring type unpack cjson math string table redis"""
)
#: Keys that no script needs to know.
NOT_IN_SCRIPTS = {
    # In the Redis of an RQ system, where other scripts take jobs over.
    *("adopted_jobs", "adopted_queues", "taken_jobs"),
    *("confirmed", "daemons", "daemon", "libraries", "set_aside", "idempotency", "sweeper"),
    *("history", "forecast_scores", "cooldown", "search_requests", "search_offers"),
    *("search_reply", "search_beat"),
}


def header(name: str) -> str:
    found = HEADER.match(read(name))
    assert found, f"{name}.lua has no header"
    return found[0]


def code(name: str) -> str:
    """The script without comments."""
    return re.sub(r"--.*", "", read(name))


@pytest.mark.parametrize("name", names())
class TestHeaders:
    def test_it_begins_with_its_name_and_tells_what_it_returns(self, name: str) -> None:
        assert header(name).startswith(f"-- {name}: ")
        assert re.search(r"^-- Returns \S", header(name), re.M)

    def test_parameters_are_numbered_in_order(self, name: str) -> None:
        numbers = [int(number) for number in re.findall(r"^-- ARGV\[(\d+)", header(name), re.M)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert re.findall(r"^-- KEYS\[(\d+)\]", header(name), re.M) == ["1"]

    def test_every_parameter_is_used(self, name: str) -> None:
        script = Script(name)
        for parameter in [*script.args, *([script.rest] if script.rest else [])]:
            assert re.search(rf"\b{parameter}\b", code(name)), f"{parameter} is declared and never read"

    def test_it_reads_arguments_by_name_only(self, name: str) -> None:
        assert not re.search(r"\b(KEYS|ARGV)\b", code(name))


class TestTransitions:
    def test_headers_and_the_architecture_page_say_the_same(self) -> None:
        page = (ROOT / "docs" / "architecture.md").read_text().partition("## States")[2].partition("\n## ")[0]
        rows = set(re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \|", page, re.M)) - {("script", "from", "to")}
        any_status = {(name, each, target) for name, source, target in rows if source == "any" for each in Status}
        told = {row for row in rows | any_status if row[1] not in ("any", row[2])}
        assert told == {(name, *pair) for name, pairs in MOVES.items() for pair in pairs}

    def test_every_state_can_be_reached_and_left(self) -> None:
        pairs = {pair for pairs in MOVES.values() for pair in pairs}
        assert {target for _, target in pairs} >= set(Status)
        assert {source for source, _ in pairs} >= set(Status)

    def test_only_a_retry_leaves_an_end_for_another_state(self) -> None:
        """But for what a foreign hand has moved already, which reconcile follows."""
        revivals = {
            (name, pair) for name, pairs in MOVES.items() for pair in pairs if pair[0] in TERMINAL and pair[1] != "none"
        }
        assert {each for each in revivals if each[0] != "reconcile"} == {
            (name, (Status.FAILED, Status.SCHEDULED)) for name in ("retry", "step_operation")
        }

    def test_each_has_a_method_of_its_name(self) -> None:
        for name in MOVES.keys() - {"reconcile", "remove_gone"}:  # the reconciler's and the doctor's alone
            assert inspect.isfunction(getattr(Transitions, name))


def evaluated(redis_url: str, text: str, wanted: str) -> Any:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return json.loads(redis.eval(f"{text} return cjson.encode({wanted})", 0))


def test_scripts_are_given_what_python_says_of_statuses(redis_url: str) -> None:
    names = ("STATUSES", "WAITING", "TERMINAL", "RQ_STATUS", "REGISTRY", "RANK", "STATUS")
    found = evaluated(redis_url, read("include/status"), f"{{ {', '.join(names)} }}")
    assert dict(zip(names, found, strict=True)) == {
        "STATUSES": list(Status),
        "WAITING": dict.fromkeys(WAITING, True),
        "TERMINAL": dict.fromkeys(TERMINAL, True),
        "RQ_STATUS": RQ_STATUS,
        "REGISTRY": REGISTRY,
        "RANK": {status: rank for rank, status in enumerate(Status)},
        "STATUS": {word: status for status, word in RQ_STATUS.items()},
    }


def test_what_waits_is_counted_wherever_its_rank_is(redis_url: str) -> None:
    asked = "local asked = {} local function call(_, _, low, high) asked[#asked + 1] = { low, high + 1 } return 1 end "
    index = re.sub(r"-- @include.*", "", read("include/index")) + "local count = count_waiting('') "
    index += "for _, each in ipairs(asked) do each[1], each[2] = each[1] / SPAN, each[2] / SPAN end "
    statuses = read("include/status")
    assert evaluated(redis_url, asked + statuses + index, "{ count, asked }") == [1, [[0, 2]]]
    another = statuses.replace("WAITING = { pending = true,", "WAITING = { cancelled = true,")
    assert evaluated(redis_url, asked + another + index, "{ count, asked }") == [2, [[1, 2], [5, 6]]]


def test_lua_and_python_read_the_same_scores_off_an_index() -> None:
    found = re.search(r"SPAN, EPOCH = (\d+), (\d+)", read("include/index"))
    assert found
    span, epoch = map(int, found.groups())
    for rank, status in enumerate(Status):
        assert score_range(status) == (rank * span, (rank + 1) * span - 1)
        assert score_range(status, epoch + 5, epoch + 7) == (rank * span + 5, rank * span + 7)
    assert len(Status) * span < 2**53, "every score is a whole number"


def test_ranks_are_never_given_anew() -> None:
    """Stored scores contain them: a status that is added comes last."""
    assert list(Status)[:6] == ["pending", "scheduled", "processing", "completed", "failed", "cancelled"]


def test_every_state_in_a_script_is_one() -> None:
    """In what moves a task between indexes: a misspelt word would be an index that nobody reads."""
    for path in LUA.rglob("*.lua"):
        for call in re.findall(r"\b(?:reindex|enter_end|announce)\(task, (.*?)\)", path.read_text()):
            assert set(re.findall(r"'(\w+)'", call)) <= set(Status), f"{path.name}: {call}"


def test_an_event_carries_all_that_a_task_is_read_from(redis_url: str) -> None:
    assert tuple(evaluated(redis_url, read("include/task_fields"), "TASK_FIELDS")) == STORED_FIELDS


def test_registries_are_kept_as_long_as_they_are_read_for() -> None:
    found = re.search(r"KEEP_US = (\d+)", read("include/task"))
    assert found
    assert int(found[1]) == KEEP_SECONDS * 1_000_000


def test_includes_are_there_and_used() -> None:
    files = {path.stem for path in (LUA / "include").glob("*.lua")} - STANDS_FOR_CLOCK
    assert not files & TABLES.keys()
    wanted = {name for path in LUA.rglob("*.lua") for name in re.findall(r"^-- @include (\w+)", path.read_text(), re.M)}
    assert wanted == files | TABLES.keys()


def test_no_two_includes_define_the_same_name() -> None:
    """They share one library, where the later would take the place of the earlier."""
    defined = [
        name
        for path in sorted((LUA / "include").glob("*.lua"))
        if path.stem not in STANDS_FOR_CLOCK
        for name in re.findall(r"^local function (\w+)", path.read_text(), re.M)
    ]
    assert sorted(defined) == sorted(set(defined))


def test_lua_and_python_name_the_same_keys(redis_url: str) -> None:
    """Each key of ``KEY`` in keys.lua is a key of ``Keys``, and the other way round but for those no script needs."""
    methods = {name: each for name, each in inspect.getmembers(Keys("{x}"), inspect.ismethod) if name[0] != "_"}
    arguments = {name: "abcd"[: len(inspect.signature(each).parameters)] for name, each in methods.items()}
    names = re.findall(r"^function KEY\.(\w+)\(", read("include/keys"), re.M)
    calls = [f"KEY.{name}({', '.join(map(repr, arguments[name]))})" for name in names]
    body = f"{read('include/keys')} P, B = '{{x}}:', '{{x}}:broker:' return {{ {', '.join(calls)} }}"
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert redis.eval(body, 0) == [methods[name](*arguments[name]) for name in names]
    assert methods.keys() - set(names) == NOT_IN_SCRIPTS


def test_scripts_compose_keys_in_one_place() -> None:
    """Beside keys.lua, only the name of a place (a key without its prefix) is put together again."""
    found = {path.name for path in LUA.rglob("*.lua") if re.search(r"\b[PB] \.\.", path.read_text())}
    assert found == {"keys.lua", "status_keys.lua"}


def test_no_name_takes_the_place_of_another() -> None:
    """A local of a script that is named as what an include defines, or as Lua's own."""
    own = set(LUA_NAMES.split())
    includes = [path.read_text() for path in (LUA / "include").glob("*.lua") if path.stem not in STANDS_FOR_CLOCK]
    includes += [make() for make in TABLES.values()]
    top = re.compile(r"^local (?:function )?([\w, ]+)", re.M)
    shared = {name.strip() for text in includes for names in top.findall(text) for name in names.split(",")}
    for path in LUA.rglob("*.lua"):
        text = re.sub(r"--.*", "", path.read_text())
        inner = re.findall(r"^ +local (?:function )?([\w, ]+)", text, re.M)
        inner += re.findall(r"function *\w*\(([\w, ]*)\)", text) + re.findall(r"\bfor ([\w, ]+) (?:in|=)", text)
        if path.parent.name != "include":
            inner += top.findall(text) + re.findall(r"^-- (?:KEYS|ARGV)\[\d+(?:\.\.)?\] +(\w+)", path.read_text(), re.M)
        names = {name.strip() for each in inner for name in each.split(",")} - {"", "_"}
        assert not names & (shared | own), path.name


def test_the_library_stays_below_the_limit_of_its_language() -> None:
    """A Lua function has at most 200 locals, and what the includes define are those of the library's."""
    shared = library()[1].partition("redis.register_function")[0]
    defined = re.findall(r"^local (?:function )?([\w, ]+)", shared, re.M)
    assert sum(len(names.split(",")) for names in defined) <= 190


def test_time_is_read_in_one_place() -> None:
    readers = {path.stem for path in LUA.rglob("*.lua") if "'TIME'" in path.read_text()}
    assert readers - STANDS_FOR_CLOCK == {"clock"}


def writes(call: ast.AST) -> str | None:
    """The command, if it is one that changes something."""
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return None
    name, receiver = call.func.attr, ast.unparse(call.func.value)
    on_redis = re.search(r"redis|client|connection|pipe|reads|writes", receiver)
    return name if WRITES.fullmatch(name) or (SHORT.fullmatch(name) and on_redis) else None


def test_nothing_writes_tasks_but_the_scripts() -> None:
    found = {
        str(path.relative_to(ROOT / "broker")): {
            name for node in ast.walk(ast.parse(path.read_text())) if (name := writes(node))
        }
        for path in (ROOT / "broker").rglob("*.py")
    }
    assert {module: commands for module, commands in found.items() if commands} == EXCEPTIONS
