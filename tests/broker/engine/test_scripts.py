"""Guards the loader: calls by name, each mistake told before Redis is asked, and the ways to a server's scripts."""

import re
from typing import Any

import pytest
from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ResponseError

from broker.engine.scripts import Script, library, moves, names, read, source

ARGUMENTS = {"prefix": "rq", "id": "a", "tenant": "t", "force": 0}


class FakeServer:
    """Answers ``"done"``; ``refusals`` says which commands fail, and how."""

    def __init__(self, **refusals: Exception) -> None:
        self.refusals = refusals
        self.calls: list[tuple[str, Any]] = []
        self.known: set[str] = set()

    def _called(self, command: str, what: Any) -> None:
        self.calls.append((command, what))
        if command in self.refusals:
            raise self.refusals[command]

    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any:
        self._called("fcall", [numkeys, *keys_and_args])
        if "library" not in self.known:
            raise ResponseError("Function not found")
        return "done"

    def function_load(self, code: str, replace: bool | None = False) -> Any:
        self._called("function_load", code)
        self.known.add("library")

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        self._called("eval", script)
        return "done"

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        self._called("evalsha", sha)
        if sha not in self.known:
            raise NoScriptError
        return "done"

    def script_load(self, script: str) -> Any:
        self._called("script_load", script)
        self.known.add("sha")
        return "sha"

    def run_each(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        self._called("run_each", len(commands))
        return ["done" if "library" in self.known else ResponseError("Function not found") for _ in commands]

    def commands(self) -> list[str]:
        commands = [command for command, _ in self.calls]
        self.calls.clear()
        return commands


class TestCalls:
    def test_arguments_go_in_the_order_of_the_header(self) -> None:
        server = FakeServer()
        assert Script("cancel")(server, **dict(reversed(ARGUMENTS.items()))) == "done"
        assert server.calls[0] == ("fcall", [1, "rq", "a", "t", 0])

    def test_a_list_comes_last(self) -> None:
        script = Script("renew")
        values = {"runs": ["w", "a", "x", ""], "lease_us": 5, "prefix": "rq", "worker_ttl": 30}
        assert script.arguments(values) == ("rq", 5, 30, "w", "a", "x", "")

    @pytest.mark.parametrize(
        "wrong", [{"prefix": "rq"}, ARGUMENTS | {"more": 1}, {k: v for k, v in ARGUMENTS.items() if k != "id"}]
    )
    def test_a_missing_or_unknown_name_is_told_before_redis_is_asked(self, wrong: dict[str, Any]) -> None:
        server = FakeServer()
        with pytest.raises(TypeError, match=r"cancel\.lua takes \['force', 'id', 'prefix', 'tenant'\]"):
            Script("cancel")(server, **wrong)
        assert server.calls == []

    def test_there_is_no_script_of_that_name(self) -> None:
        with pytest.raises(FileNotFoundError):
            Script("nothing")


class TestWays:
    """Functions first; what a server lacks or forbids is worked around, what fails for another reason is told."""

    def test_the_library_is_loaded_once(self) -> None:
        server, script = FakeServer(), Script("cancel")
        script(server, **ARGUMENTS)
        assert server.commands() == ["fcall", "function_load", "fcall"]
        script(server, **ARGUMENTS)
        assert server.commands() == ["fcall"]

    def test_forgotten_it_is_loaded_again(self) -> None:
        server, script = FakeServer(), Script("cancel")
        script(server, **ARGUMENTS)
        server.commands()
        server.known.clear()
        script(server, **ARGUMENTS)
        assert server.commands() == ["fcall", "function_load", "fcall"]

    def test_several_calls_are_one_trip_and_of_the_library_that_is_missing_each_is_made_anew(self) -> None:
        server, script = FakeServer(), Script("cancel")
        calls = [script.arguments(ARGUMENTS)] * 3
        assert script.run_each(server, calls) == ["done"] * 3
        assert server.commands() == ["run_each", "fcall", "function_load", "fcall", "fcall", "fcall"]
        assert script.run_each(server, calls) == ["done"] * 3
        assert script.run_each(server, []) == []
        assert server.commands() == ["run_each"]

    @pytest.mark.parametrize(
        "refusals",
        [
            dict.fromkeys(("fcall", "function_load"), ResponseError("unknown command 'FCALL'")),
            dict.fromkeys(("fcall", "function_load"), NoPermissionError("this user has no permissions")),
            {"function_load": NoPermissionError("this user has no permissions")},
        ],
    )
    def test_without_functions_scripts_are_used(self, refusals: dict[str, Exception]) -> None:
        server, script = FakeServer(**refusals), Script("cancel")
        assert script(server, **ARGUMENTS) == "done"
        assert server.commands()[-2:] == ["script_load", "evalsha"]
        script(server, **ARGUMENTS)
        assert server.commands() == ["evalsha"]
        server.known.clear()
        script(server, **ARGUMENTS)
        assert server.commands() == ["evalsha", "script_load", "evalsha"]

    @pytest.mark.parametrize(("name", "flagged"), [("finish", True), ("submit", False)])
    def test_a_full_server_runs_what_ends_work(self, name: str, flagged: bool) -> None:
        server, script = FakeServer(function_load=OutOfMemoryError("full")), Script(name)
        values = dict.fromkeys([*script.keys, *script.args], "")
        script(server, **values, **({script.rest: []} if script.rest else {}))
        command, text = server.calls[-1]
        assert command == "eval"
        assert text.startswith("#!lua flags=allow-oom\n") == flagged

    @pytest.mark.parametrize("command", ["fcall", "function_load"])
    def test_other_errors_are_the_callers(self, command: str) -> None:
        with pytest.raises(ResponseError, match="something else"):
            Script("cancel")(FakeServer(**{command: ResponseError("something else")}), **ARGUMENTS)


class TestText:
    def test_each_include_is_there_once_and_before_its_users(self) -> None:
        text = source("finish")
        for line in ("local function limits(type_name)", "local function read_task(id)", "local function clock()"):
            assert text.count(line) == 1
        assert text.index("local function type_of(") < text.index("local function read_task(id)")
        assert text.index("local function read_task(id)") < text.index("local outcome = 'stale'")

    def test_the_clock_is_the_servers_unless_a_test_says_otherwise(self) -> None:
        assert "'TIME'" in source("claim")
        assert "test:now" not in library()[1]
        assert "'TIME'" not in source("claim", "clock_test")

    def test_the_library_holds_all_scripts_under_its_own_name(self) -> None:
        title, text = library()
        assert text.startswith(f"#!lua name={title}\n")
        for name in names():
            assert text.count(f"function_name='{title}_{name}'") == 1
        assert library("clock_test")[0] != title

    def test_only_what_begins_work_and_who_asks_for_it_may_be_refused_by_a_full_server(self) -> None:
        without = [
            line for line in library()[1].splitlines() if "register_function" in line and "allow-oom" not in line
        ]
        refusable = ["create_upload", "probe", "submit", "submit_many"]
        assert [re.search(r"_([a-z_]+)'", line)[1] for line in without] == refusable

    def test_moves_are_those_of_the_header(self) -> None:
        assert moves("retry") == {("failed", "scheduled")}
        assert moves("page") == set()
        assert "-- retry:" in read("retry")
