"""Guards the plugin handler: the right plugin on the right file, and one clear line for what no retry can cure."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from traceback import format_exception
from typing import Any, ClassVar

import pytest
from marshmallow import Schema, fields, validate

from broker.errors import InvalidInput, PermanentError, Postpone, RateLimited, TransientError
from broker.plugin import Plugin, PluginContext
from handlers.plugin_execution.run import run
from handlers.plugin_execution.task import PLUGIN_EXECUTION, PluginResult
from handlers.plugins.checksum import Checksum
from tests.handlers.plugins.plugin_context import Run

MEDIA_ID = "550e8400-e29b-41d4-a716-446655440000"


class NeedsConfig(Plugin):
    """A plugin with one secret and one default; answers what it was given."""

    name = "needs_config"
    description = "For this test."
    media_types = frozenset({"image"})
    seen: ClassVar[list[PluginContext]] = []

    class config_schema(Schema):
        token = fields.String(required=True, validate=validate.Length(min=4))
        level = fields.Integer(load_default=5)

    def execute(self, context: PluginContext) -> dict[str, Any]:
        self.seen.append(context)
        with context.local_file() as path:
            return {"level": context.config["level"], "bytes": path.read_bytes().hex()}


def start(task: Run, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    return run(task, {"checksum": Checksum(), "needs_config": NeedsConfig()}, environ or {})


@pytest.mark.parametrize("size", [0, 1, 3_500_000])
@pytest.mark.parametrize("kind", ["video", "image", "audio", "document"])
def test_the_checksum_of_a_file_of_any_kind(tmp_path: Path, size: int, kind: str) -> None:
    data = Random(size).randbytes(size)
    task = Run(tmp_path, data, kind=kind)
    expected = {"sha256": hashlib.sha256(data).hexdigest(), "size": size}
    result = start(task)
    assert result == {"plugin_name": "checksum", "media_id": MEDIA_ID, "data": expected, "files": []}
    assert task.attached == {"plugin:checksum": {"task_id": task.task_id, "data": expected, "files": []}}
    assert PluginResult().validate(result) == {}
    percents = [percent for percent, _ in task.progressed]
    assert percents == sorted(percents)
    assert percents[-1:] == ([100.0] if size else [])


def test_a_plugin_gets_its_file_its_config_and_its_memory(tmp_path: Path) -> None:
    task = Run(tmp_path, b"\x01\x02", kind="image", payload={"plugin_name": "needs_config"})
    result = start(task, {"NEEDS_CONFIG_TOKEN": "sesame", "OTHER_TOKEN": "no", "NEEDS_CONFIG_LEVEL": "7"})
    assert result["data"] == {"level": 7, "bytes": "0102"}
    context = NeedsConfig.seen.pop()
    assert (context.task_id, context.tenant, context.media) == (task.task_id, "acme", task.record)
    assert context.config == {"token": "sesame", "level": 7}
    assert "sesame" not in repr(context)
    context.remember("remote", {"id": 1})
    assert context.recall("remote") == {"id": 1}
    assert context.recall("nothing") is None
    assert context.seconds_left() == task.left


@pytest.mark.parametrize(
    ("kind", "payload", "environ", "message"),
    [
        ("audio", {"plugin_name": "nope"}, {}, r"no plugin 'nope' here; there are: checksum, needs_config\."),
        ("audio", {"plugin_name": "needs_config"}, {"NEEDS_CONFIG_TOKEN": "sesame"}, "takes image, but .* kind audio"),
        ("image", {"plugin_name": "needs_config"}, {}, "NEEDS_CONFIG_TOKEN is missing or"),
        (
            "image",
            {"plugin_name": "needs_config"},
            {"NEEDS_CONFIG_TOKEN": "abc"},
            "NEEDS_CONFIG_TOKEN is missing or",
        ),
        ("audio", {"media_id": "660e8400-e29b-41d4-a716-446655440001"}, {}, "no media file 660e8400"),
    ],
)
def test_what_no_retry_can_cure_fails_at_once(
    tmp_path: Path, kind: str, payload: dict[str, str], environ: dict[str, str], message: str
) -> None:
    task = Run(tmp_path, b"x", kind=kind, payload=payload)
    with pytest.raises(PermanentError, match=message) as raised:
        start(task, environ)
    assert "abc" not in raised.value.message, "a value of the configuration is shown"
    assert task.attached == {}


class Elsewhere(NeedsConfig):
    """Needs what is not on this machine."""

    name = "elsewhere"
    requires = ("hashlib", "no_such_module", "nor_this")
    installed_by = "mindia-tasks[speech]"


def test_what_is_not_installed_here_may_run_elsewhere_and_uses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "elsewhere"})
    asked: list[str] = []
    monkeypatch.setattr(task, "media", asked.append)
    with pytest.raises(TransientError) as raised:
        run(task, {"elsewhere": Elsewhere()}, {"ELSEWHERE_TOKEN": "sesame"})
    assert raised.value.message == (
        "Plugin elsewhere cannot run on this machine: no_such_module, nor_this are not installed."
        " To install it there: .venv/bin/pip install 'mindia-tasks[speech]'."
    )
    with pytest.raises(PermanentError):
        run(
            Run(tmp_path, b"x", kind="image", payload={"plugin_name": "needs_config"}),
            {"needs_config": NeedsConfig()},
            {},
        )
    assert asked == [], "a recording that is asked for counts as worked on"


class Talkative(NeedsConfig):
    """Shows its token wherever it can."""

    name = "talkative"

    class config_schema(Schema):
        token = fields.String(required=True, load_only=True)

    def execute(self, context: PluginContext) -> dict[str, Any]:
        token = context.config["token"]
        if context.media.filename == "broken":
            raise ValueError(f"no luck with {token}") from KeyError(token)
        return {"echo": [f"Bearer {token}", {token: 1}]}


def test_a_secret_is_in_no_answer_even_if_a_service_echoes_it(tmp_path: Path) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "talkative"})
    result = run(task, {"talkative": Talkative()}, {"TALKATIVE_TOKEN": "sesame"})
    assert result["data"] == {"echo": ["Bearer [secret]", {"[secret]": 1}]}
    assert "sesame" not in str(task.attached)


def test_a_secret_is_in_no_error(tmp_path: Path) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "talkative"})
    task.record = replace(task.record, filename="broken")
    with pytest.raises(TransientError, match=r"ValueError: no luck with \[secret\]") as raised:
        run(task, {"talkative": Talkative()}, {"TALKATIVE_TOKEN": "sesame"})
    assert "sesame" not in "".join(format_exception(raised.value)).replace('"sesame"', "")


def test_a_tenants_settings_replace_the_operators(tmp_path: Path) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "needs_config"})
    task.configs["needs_config"] = {"token": "of the tenant"}
    start(task, {"NEEDS_CONFIG_TOKEN": "sesame", "NEEDS_CONFIG_LEVEL": "7"})
    assert NeedsConfig.seen.pop().config == {"token": "of the tenant", "level": 5}


def test_a_plugin_that_rests_makes_nobody_else_wait(tmp_path: Path) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "needs_config"})
    for rest, latest in ((12.5, 25), (3600, 3660)):
        task.holds["needs_config:"] = rest
        waits = []
        for _ in range(50):
            with pytest.raises(Postpone) as wait:
                start(task, {"NEEDS_CONFIG_TOKEN": "sesame"})
            waits.append(wait.value.seconds)
        assert rest <= min(waits) < max(waits) <= latest, "all would come back at once"
    task.payload["plugin_name"] = "checksum"
    assert start(task)["data"]["size"] == 1


class Deep(NeedsConfig):
    """Answers lists in each other."""

    name = "deep"
    levels: ClassVar[int] = 0

    def execute(self, context: PluginContext) -> dict[str, Any]:
        answer: Any = 1
        for _ in range(self.levels):
            answer = [answer]
        return {"it": answer}


def test_an_answer_that_is_nested_beyond_reading_fails_at_once(tmp_path: Path) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "deep"})
    Deep.levels = 100_000
    with pytest.raises(PermanentError, match="answer is nested too deep"):
        run(task, {"deep": Deep()}, {"DEEP_TOKEN": "sesame"})


class Refused(NeedsConfig):
    """Its service asks it to wait for what the test says."""

    name = "refused"
    wishes: ClassVar[dict[str, Any]] = {}

    class config_schema(Schema):
        pass

    def execute(self, context: PluginContext) -> dict[str, Any]:
        raise RateLimited("busy", **self.wishes)


@pytest.mark.parametrize(
    ("wishes", "seconds"),
    [({"retry_after": 7}, 7), *[({"retry_after": each}, 30) for each in (0, -1, None, "soon", math.nan)], ({}, 30),
     ({"retry_after": math.inf}, 604_800)],
)  # fmt: skip
def test_whatever_a_plugin_asks_for_is_a_rest(tmp_path: Path, wishes: dict[str, Any], seconds: float) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "refused"})
    Refused.wishes = wishes
    with pytest.raises(Postpone) as wait:
        run(task, {"refused": Refused()}, {})
    assert (wait.value.seconds, task.holds) == (seconds, {"refused:": seconds})


class Writer(Plugin):
    """Keeps a file of the name that the test says."""

    name = "writer"
    description = "For this test."
    media_types = frozenset({"image"})
    files: ClassVar[dict[str, Any]] = {}

    def execute(self, context: PluginContext) -> dict[str, Any]:
        for name, data in self.files.items():
            context.save(name, data)
        return {"text": "x" * 5_000, "stopping": context.stopping()}


def test_what_a_plugin_makes_is_kept_by_task_and_listed(tmp_path: Path) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "writer"})
    task.asked_to_stop = True
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    Writer.files = {"b.png": tmp_path / "b.png", "a.json": b"{}"}
    result = run(task, {"writer": Writer()}, {})
    assert result["files"] == [{"name": "a.json", "size": 2}, {"name": "b.png", "size": 4}]
    assert result["data"]["stopping"] is True
    assert PluginResult().validate(result) == {}
    with task.storage.open(f"acme/{MEDIA_ID}/plugins/writer/{task.task_id}/b.png") as file:
        assert file.read() == b"\x89PNG"
    noted = {"task_id": task.task_id, "data": None, "files": result["files"]}
    assert task.attached == {"plugin:writer": noted}, "a large answer is kept twice"


@pytest.mark.parametrize("name", ["x.html", "x.svg", "../x.jpg", "X.jpg", "x", ".jpg", "a/b.jpg", ""])
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": "writer"})
    Writer.files = {name: b""}
    with pytest.raises(ValueError, match="must be named like"):
        run(task, {"writer": Writer()}, {})


@pytest.mark.parametrize("name", ["checksum", "needs_config"])
def test_bytes_that_are_gone_fail_at_once(tmp_path: Path, name: str) -> None:
    task = Run(tmp_path, b"x", kind="image", payload={"plugin_name": name})
    task.storage.delete(task.record.source_key)
    with pytest.raises(PermanentError, match="no longer stored"):
        start(task, {"NEEDS_CONFIG_TOKEN": "sesame"})


class TestPayload:
    def test_the_documented_payload_is_accepted(self) -> None:
        payload = {
            "plugin_name": "assembly_ai",
            "media_id": MEDIA_ID,
            "tenant_id": "660e8400-e29b-41d4-a716-446655440001",
        }
        assert PLUGIN_EXECUTION.check_payload(payload) == payload
        del payload["tenant_id"]
        assert PLUGIN_EXECUTION.check_payload(payload) == payload

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"plugin_name": ""}, "/payload/plugin_name"),
            ({"plugin_name": None}, "/payload/plugin_name"),
            ({"plugin_name": "x" * 65}, "/payload/plugin_name"),
            ({"media_id": "1"}, "/payload/media_id"),
            ({"media_id": None}, "/payload/media_id"),
            ({"tenant_id": ""}, "/payload/tenant_id"),
            ({"tenant_id": 7}, "/payload/tenant_id"),
            ({"api_key": "x"}, "/payload/api_key"),
        ],
    )
    def test_anything_else_is_refused_by_its_name(self, change: dict[str, Any], pointer: str) -> None:
        with pytest.raises(InvalidInput) as raised:
            PLUGIN_EXECUTION.check_payload({"plugin_name": "checksum", "media_id": MEDIA_ID, **change})
        assert [error["pointer"] for error in raised.value.extra["errors"]] == [pointer]

    def test_both_required_fields_are_named(self) -> None:
        with pytest.raises(InvalidInput) as raised:
            PLUGIN_EXECUTION.check_payload({})
        pointers = {error["pointer"] for error in raised.value.extra["errors"]}
        assert pointers == {"/payload/plugin_name", "/payload/media_id"}

    def test_the_limits_are_the_documented_ones(self) -> None:
        declared = PLUGIN_EXECUTION
        assert (declared.name, declared.rate, declared.burst) == ("PluginExecution", 1.0, 2)
        assert (declared.timeout, declared.max_retries) == (3600, 3)


class Ears(Plugin):
    """Keeps what it has heard, or something else."""

    name = "ears"
    description = "For this test."
    media_types = frozenset({"audio", "document"})

    def __init__(self, kept: str) -> None:
        self._kept = kept

    def execute(self, context: PluginContext) -> dict[str, Any]:
        context.save(self._kept, b"{}")
        return {}


@pytest.mark.parametrize("kept", ["transcript.json", "captions.vtt"])
def test_a_transcript_is_followed_by_what_makes_it_searchable_once(tmp_path: Path, kept: str) -> None:
    task = Run(tmp_path, b"sound")
    for run_of_it in (task, task.again()):
        run(run_of_it, {"checksum": Ears(kept)}, {})
    (first, again) = task.followed
    assert (first.type, first.payload) == (
        "EmbeddingGeneration",
        {"entity_type": "audio", "entity_id": MEDIA_ID, "speech_only": True},
    )
    assert again == first


def test_captions_without_a_transcript_are_made_searchable_too(tmp_path: Path) -> None:
    class Captioner(Ears):
        media_types = frozenset({"video"})

        def execute(self, context: PluginContext) -> dict[str, Any]:
            context.caption([{"text": "hello", "start": 0, "end": 500}], "en")
            return {}

    task = Run(tmp_path, b"pictures", kind="video")
    run(task, {"checksum": Captioner("")}, {})
    assert [(each.type, each.payload["entity_type"]) for each in task.followed] == [("EmbeddingGeneration", "video")]


def test_what_is_no_transcript_or_to_be_left_out_is_not_followed(tmp_path: Path) -> None:
    for name, kind, info in (
        ("other.json", "audio", {}),
        ("transcript.json", "document", {}),
        ("transcript.json", "audio", {"embed": False}),
    ):
        task = Run(tmp_path / f"{name}{kind}{len(info)}", b"sound", kind=kind)
        task.record = replace(task.record, info=info)
        run(task, {"checksum": Ears(name)}, {})
        assert task.followed == []
