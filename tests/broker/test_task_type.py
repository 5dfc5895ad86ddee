"""Guards the declaration of task types: names that are safe in keys, limits within bounds, overrides from outside."""

from collections.abc import Mapping
from typing import Any

import pytest
from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema

from broker.defects import pointers
from broker.errors import InvalidInput
from broker.task_type import MAX_TIMEOUT, Judge, TaskType


class Frame(Schema):
    x = fields.Integer(required=True, strict=True)


class Payload(Schema):
    class Meta:
        unknown = RAISE

    image_id = fields.UUID(required=True)
    frames = fields.List(fields.Nested(Frame))
    labels = fields.Dict(keys=fields.String(), values=fields.Integer(strict=True))

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("frames") == []:
            raise ValidationError("Must not be empty together.")


ID = "550e8400-e29b-41d4-a716-446655440000"


def declare(name: str = "VideoTranscoding", **settings: Any) -> TaskType:
    return TaskType(name, Payload, "package.module:function", **settings)


class TestDeclaration:
    @pytest.mark.parametrize("name", ["A", "Video2", "A" + "b" * 63])
    def test_good_names(self, name: str) -> None:
        assert declare(name).name == name

    @pytest.mark.parametrize("name", ["", "video", "2D", "A:1", "A b", "A_b", "A,B", "Ä", "A\n", "A" + "b" * 64, "A*"])
    def test_bad_names(self, name: str) -> None:
        with pytest.raises(ValueError, match="task type name"):
            declare(name)

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            *(("rate", 0), ("rate", -1), ("rate", 1e9), ("rate", float("nan")), ("rate", 1 / 3), ("rate", 0.0015)),
            *(("burst", 0), ("burst", 10**7), ("concurrency", 0), ("concurrency", 10**6)),
            *(("timeout", 0), ("timeout", 10**6), ("max_retries", -1), ("max_retries", 101)),
            *(("priority", -1), ("priority", 11)),
            *(("burst", 1.5), ("concurrency", 1.5), ("timeout", 90.5), ("max_retries", 0.5), ("priority", 0.5)),
        ],
    )
    def test_bad_limits_name_the_type_and_the_setting(self, setting: str, value: float) -> None:
        with pytest.raises(ValueError, match=f"VideoTranscoding: {setting} must"):
            declare(**{setting: value})

    @pytest.mark.parametrize("rate", [None, 0.001, 0.5, 2, 33.333, 100_000])
    def test_good_rates(self, rate: float | None) -> None:
        assert declare(rate=rate).rate == rate

    def test_a_handler_is_a_dotted_name(self) -> None:
        with pytest.raises(ValueError, match=r"package\.module:function"):
            TaskType("Noop", Payload, "package.module.function")


class TestEnvironment:
    @pytest.mark.parametrize(
        ("name", "prefix"),
        [
            ("VideoTranscoding", "VIDEO_TRANSCODING"),
            ("EmbeddingGeneration", "EMBEDDING_GENERATION"),
            ("Noop", "NOOP"),
            ("Hls2Mp4", "HLS2_MP4"),
        ],
    )
    def test_the_names_of_variables(self, name: str, prefix: str) -> None:
        assert declare(name).env_prefix == prefix

    def test_defaults_are_overridden(self) -> None:
        environ = {"RATE": "2.5", "BURST": "7", "CONCURRENCY": "3", "TIMEOUT": "60", "MAX_RETRIES": "0"}
        changed = declare(rate=1).with_environment(
            {f"VIDEO_TRANSCODING_{name}": text for name, text in environ.items()}
        )
        found = (changed.rate, changed.burst, changed.concurrency, changed.timeout, changed.max_retries)
        assert found == (2.5, 7, 3, 60, 0)

    def test_a_type_that_bounds_itself_is_stopped_only_by_a_timeout_that_somebody_chose(self) -> None:
        films = declare(bounds_itself=True)
        assert [films.run_timeout(seconds) for seconds in (3600, 60)] == [MAX_TIMEOUT, 60]
        assert declare().run_timeout(3600) == 3600
        chosen = films.with_environment({"VIDEO_TRANSCODING_TIMEOUT": "3600"})
        assert chosen.run_timeout(3600) == 3600
        assert films.with_environment({"VIDEO_TRANSCODING_TIMEOUT": ""}) == films

    def test_limits_are_lifted_by_none(self) -> None:
        environ = {"VIDEO_TRANSCODING_RATE": "none", "VIDEO_TRANSCODING_CONCURRENCY": "none"}
        changed = declare(rate=1, concurrency=1).with_environment(environ)
        assert (changed.rate, changed.concurrency) == (None, None)

    def test_what_is_not_named_or_empty_stays(self) -> None:
        declared = declare(rate=1, burst=4)
        assert declared.with_environment({"OTHER_RATE": "9", "VIDEO_TRANSCODING_BURST": ""}) == declared

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            *(("RATE", "fast"), ("RATE", "0"), ("RATE", "nan"), ("RATE", "0.3333"), ("BURST", "none")),
            *(("BURST", "1.5"), ("BURST", "0"), ("CONCURRENCY", "-1"), ("TIMEOUT", "1e9"), ("MAX_RETRIES", "1000")),
        ],
    )
    def test_a_bad_value_names_its_variable(self, variable: str, value: str) -> None:
        with pytest.raises(ValueError, match=f"VIDEO_TRANSCODING_{variable}='?{value}"):
            declare().with_environment({f"VIDEO_TRANSCODING_{variable}": value})


class TestJudged:
    def test_by_the_environment_at_submission_and_not_what_waits(self) -> None:
        def judged(environ: Mapping[str, str]) -> Judge:
            return lambda payload: [] if environ.get("OPEN") else [{"pointer": "/image_id", "detail": "Closed."}]

        closed = declare(judged=judged).with_environment({})
        with pytest.raises(InvalidInput) as refused:
            closed.check_payload({"image_id": ID})
        assert refused.value.extra["errors"] == [{"pointer": "/payload/image_id", "detail": "Closed."}]
        closed.check_stored({"image_id": ID})
        assert declare(judged=judged).with_environment({"OPEN": "1"}).check_payload({"image_id": ID})


class TestPayload:
    def test_it_is_kept_in_json_values(self) -> None:
        checked = declare().check_payload({"image_id": ID.upper(), "frames": [{"x": 1}]})
        assert checked == {"image_id": ID, "frames": [{"x": 1}]}

    @pytest.mark.parametrize(
        ("payload", "wrong"),
        [
            ({}, ["/payload/image_id"]),
            ({"image_id": "x"}, ["/payload/image_id"]),
            ({"image_id": ID, "more/or~less": 1}, ["/payload/more~1or~0less"]),
            ({"image_id": ID, "frames": [{"x": 1}, {"x": "1"}]}, ["/payload/frames/1/x"]),
            ({"image_id": ID, "labels": {"a": "x"}}, ["/payload/labels/a/value"]),
            ({"image_id": ID, "frames": []}, ["/payload"]),
            ([], ["/payload"]),
            ("text", ["/payload"]),
            (None, ["/payload"]),
        ],
    )
    def test_each_bad_field_is_pointed_at(self, payload: Any, wrong: list[str]) -> None:
        with pytest.raises(InvalidInput) as refused:
            declare().check_payload(payload)
        assert [error["pointer"] for error in refused.value.extra["errors"]] == wrong
        assert all(error["detail"] for error in refused.value.extra["errors"])

    def test_several_messages_about_one_field_are_several_errors(self) -> None:
        assert list(pointers({"a": ["One.", "Two."]}, "")) == [
            {"pointer": "/a", "detail": "One."},
            {"pointer": "/a", "detail": "Two."},
        ]
