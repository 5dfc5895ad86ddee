"""Guards the AssemblyAI plugin against the documented protocol: one upload, one order, and clear ends.

The account must never pay twice for a task, whenever a run ends, and its key must not leave the request header.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from random import Random
from traceback import format_exception
from typing import Any

import pytest
import requests

from broker.errors import PermanentError, TransientError
from handlers.plugins.assembly_ai import AssemblyAI
from handlers.plugins.run import run
from tests.handlers.assembly_ai_server import KEY, Answer, Service, serve
from tests.handlers.plugin_context import Run

AUDIO = Random(7).randbytes(1_200_000)


@pytest.fixture
def service() -> Iterator[Service]:
    with serve() as running:
        yield running


@pytest.fixture
def task(tmp_path: Path) -> Run:
    return Run(tmp_path, AUDIO, payload={"plugin_name": "assembly_ai"})


def transcribe(task: Run, service: Service, **environ: str) -> dict[str, Any]:
    """Run the handler with the plugin; its sleeps cost nothing but take their time off the run."""

    def sleep(seconds: float) -> None:
        task.left -= seconds

    settings = {"ASSEMBLY_AI_API_KEY": KEY, "ASSEMBLY_AI_BASE_URL": service.url, **environ}
    result: dict[str, Any] = run(task, {"assembly_ai": AssemblyAI(sleep=sleep)}, settings)["data"]
    return result


def test_a_file_is_uploaded_ordered_and_awaited(task: Run, service: Service) -> None:
    assert transcribe(task, service) == {
        "transcript_id": "transcript-0",
        "text": "Smoke from hundreds of wildfires.",
        "language_code": "en_us",
        "language_confidence": 0.99,
        "confidence": 0.95,
        "audio_duration": 7,
        "speech_model_used": "assemblyai-stt-3-7",
    }
    assert list(service.uploads.values()) == [AUDIO]
    assert service.upload_encoding == "chunked", "the file was held in memory to be sent"
    assert service.orders[0]["language_detection"] is True
    assert service.orders[0]["speech_models"] == ["assemblyai-stt-3-7", "universal-2"]
    assert service.requests == ["POST /v2/upload", "POST /v2/transcript", *["GET /v2/transcript/transcript-0"] * 3]
    assert task.attached["plugin_assembly_ai"]["text"].startswith("Smoke")


def test_progress_rises_while_uploading_and_names_the_remote_state(task: Run, service: Service) -> None:
    transcribe(task, service)
    percents = [percent for percent, _ in task.progressed]
    assert percents == sorted(percents)
    assert percents[-1] == 50
    assert {stage for _, stage in task.progressed} == {"uploading", "queued", "processing"}


def test_a_language_that_is_set_is_not_detected(task: Run, service: Service) -> None:
    transcribe(task, service, ASSEMBLY_AI_LANGUAGE_CODE="de", ASSEMBLY_AI_SPEECH_MODELS="universal-2")
    order = service.orders[0]
    assert (order["language_code"], order["speech_models"]) == ("de", ["universal-2"])
    assert "language_detection" not in order


# one payment, whenever a run ends ----------------------------------------------------------------------------------


def test_a_retry_waits_for_the_transcript_that_was_ordered(task: Run, service: Service) -> None:
    service.statuses = ["processing"]
    task.left = 60
    with pytest.raises(TransientError, match="goes on waiting"):
        transcribe(task, service)
    service.statuses = ["processing", "completed"]
    service.requests.clear()
    task.again().left = 60
    assert transcribe(task, service)["transcript_id"] == "transcript-0"
    assert service.requests == ["GET /v2/transcript/transcript-0"] * 2


def test_an_order_whose_answer_was_lost_is_found_again(task: Run, service: Service) -> None:
    service.lost_answers = {"POST /v2/transcript"}
    with pytest.raises(TransientError, match="cannot be reached"):
        transcribe(task, service)
    service.orders += [{"id": f"other-{number}", "audio_url": "https://elsewhere"} for number in range(450)]
    assert transcribe(task.again(), service)["transcript_id"] == "transcript-0"
    assert len(service.uploads) == 1
    assert len([order for order in service.orders if order["audio_url"] in service.uploads]) == 1


def test_an_order_that_never_arrived_is_made_with_the_same_upload(task: Run, service: Service) -> None:
    service.planned = {"POST /v2/transcript": [(503, "", {})]}
    with pytest.raises(TransientError):
        transcribe(task, service)
    assert transcribe(task.again(), service)["transcript_id"] == "transcript-0"
    assert (len(service.uploads), len(service.orders)) == (1, 1)


def test_a_lost_upload_is_repeated_and_ordered_once(task: Run, service: Service) -> None:
    service.lost_answers = {"POST /v2/upload"}
    with pytest.raises(TransientError):
        transcribe(task, service)
    assert not service.orders
    transcribe(task.again(), service)
    assert len(service.orders) == 1


def test_a_failed_transcript_is_permanent_and_a_retry_by_hand_orders_anew(task: Run, service: Service) -> None:
    service.statuses, service.error = ["processing", "error"], f"Audio is silent ({KEY})"
    with pytest.raises(PermanentError, match=r"could not transcribe the file: Audio is silent \(\[API key\]\)"):
        transcribe(task, service)
    service.statuses = ["completed"]
    assert transcribe(task.again(), service)["transcript_id"] == "transcript-1"
    assert len(service.uploads) == 2


def test_a_refused_order_is_permanent_and_a_retry_by_hand_uploads_anew(task: Run, service: Service) -> None:
    service.planned = {"POST /v2/transcript": [(403, {"error": "Cannot access uploaded file"}, {})]}
    with pytest.raises(PermanentError, match="403: Cannot access uploaded file"):
        transcribe(task, service)
    transcribe(task.again(), service)
    assert (len(service.uploads), len(service.orders)) == (2, 1)


# errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", ["POST /v2/upload", "POST /v2/transcript", "GET /v2/transcript/"])
@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            (401, {"error": "Authentication error"}, {}),
            PermanentError,
            "refused the API key; check ASSEMBLY_AI_API_KEY",
        ),
        ((400, {"error": "speech_models is wrong"}, {}), PermanentError, "answered 400: speech_models is wrong"),
        ((404, {"error": "Not found"}, {}), PermanentError, "answered 404: Not found"),
        ((302, "", {"Location": "http://elsewhere/"}), PermanentError, "answered 302"),
        ((422, {"error": "Upload failed"}, {}), TransientError, "answered 422: Upload failed"),
        ((429, {"error": "Too Many Requests"}, {"Retry-After": "17"}), TransientError, "answered 429"),
        ((500, {"error": "Internal Server Error"}, {}), TransientError, "answered 500"),
        ((503, "<html>", {}), TransientError, r"answered 503\."),
        ((504, "", {}), TransientError, "answered 504"),
        ((200, "<html>", {}), TransientError, "does not follow its protocol"),
        ((200, [], {}), TransientError, "does not follow its protocol"),
        ((200, {}, {}), TransientError, "does not follow its protocol"),
        (None, TransientError, "cannot be reached"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else None,
)
def test_each_refusal_is_told_apart(
    task: Run, service: Service, request_: str, answer: Answer, error: type[Exception], message: str
) -> None:
    service.planned = {request_: [answer] * 10}
    with pytest.raises(error, match=message) as raised:
        transcribe(task, service)
    if answer is not None and "Retry-After" in answer[2]:
        assert raised.value.extra["retry_after"] == 17  # type: ignore[attr-defined]


def test_a_wait_goes_on_through_a_few_failed_looks(task: Run, service: Service) -> None:
    working: Answer = (200, {"id": "transcript-0", "status": "processing"}, {})
    outage: list[Answer] = [(500, "", {}), None, (429, "", {}), (503, "", {})]
    service.planned = {"GET /v2/transcript/": [*outage, working, *outage]}
    assert transcribe(task, service)["transcript_id"] == "transcript-0"
    assert len(service.orders) == 1


def test_a_service_that_is_away_is_transient(task: Run) -> None:
    with serve() as service:
        pass
    with pytest.raises(TransientError, match="cannot be reached"):
        transcribe(task, service)


def test_every_request_has_a_time_limit(task: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[Any] = []
    send = requests.Session.send

    def spy(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        limits.append(options["timeout"])
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", spy)
    transcribe(task, service)
    assert len(limits) == 5
    assert all(0 < seconds <= 60 for limit in limits for seconds in limit)


# the key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [(400, {"error": f"bad token {KEY}"}, {}), (500, {"error": KEY}, {}), None])
def test_the_key_is_in_no_error_log_result_or_memory(
    task: Run, service: Service, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.planned = {"POST /v2/transcript": [answer]}
    with pytest.raises((PermanentError, TransientError)) as raised:
        transcribe(task, service)
    result = transcribe(task.again(), service)
    shown = [*format_exception(raised.value), caplog.text]
    kept = [json.dumps(each) for each in (result, task.memory, task.attached, task.progressed)]
    assert not [text for text in shown + kept if KEY in text]


def test_a_key_that_is_no_key_is_refused_before_it_is_sent(task: Run, service: Service) -> None:
    for key in ("", "two words", f"{KEY}\n", f"{KEY}\r\nX-Injected: 1", "ключ"):
        with pytest.raises(PermanentError, match="ASSEMBLY_AI_API_KEY is missing or wrong") as raised:
            transcribe(task, service, ASSEMBLY_AI_API_KEY=key)
        assert not key or key not in "".join(format_exception(raised.value))
    assert service.requests == []


def test_a_netrc_password_does_not_replace_the_key(
    task: Run, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert transcribe(task, service)["transcript_id"] == "transcript-0"


def test_enabled_means_that_there_is_a_key() -> None:
    plugin = AssemblyAI()
    assert plugin.enabled({"ASSEMBLY_AI_API_KEY": KEY})
    assert not plugin.enabled({})
    assert not plugin.enabled({"ASSEMBLY_AI_API_KEY": KEY, "ASSEMBLY_AI_BASE_URL": "ftp://x"})
