"""Guards the AssemblyAI plugin against the documented protocol: one upload, one order, and clear ends.

The account must never pay twice for a task, whenever a run ends, and its key must not leave the request header.
"""

import json
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from traceback import format_exception
from typing import Any, NoReturn

import pytest
import requests

from broker.captions.caption import from_info
from broker.captions.cues import Cue
from broker.captions.reading import read_captions
from broker.errors import PermanentError, Postpone, TransientError
from broker.media import paths
from broker.tasks import stored_json
from handlers.plugin_execution import http
from handlers.plugin_execution.run import run
from handlers.plugins.assembly_ai import AssemblyAI
from tests.handlers.plugins.assembly_ai_server import KEY, OTHER_KEY, ROTATED_KEY, Answer, Service, serve
from tests.handlers.plugins.plugin_context import Run

#: Runs the handler under these variables.
Start = Callable[..., dict[str, Any]]
AUDIO = Random(7).randbytes(1_200_000)


@pytest.fixture
def service() -> Iterator[Service]:
    with serve() as running:
        yield running


@pytest.fixture
def task(tmp_path: Path) -> Run:
    return Run(tmp_path, AUDIO, payload={"plugin_name": "assembly_ai"})


@pytest.fixture
def clock() -> list[float]:
    """Seconds since the epoch, as the plugin sees them; the waits between runs move it."""
    return [1_700_000_000.0]


@pytest.fixture
def start(task: Run, service: Service, clock: list[float]) -> Start:
    """One run of the handler."""

    def start(**environ: str) -> dict[str, Any]:
        settings = {"ASSEMBLY_AI_API_KEY": KEY, "ASSEMBLY_AI_BASE_URL": service.url, **environ}
        result: dict[str, Any] = run(task, {"assembly_ai": AssemblyAI(lambda: clock[0])}, settings, lambda: clock[0])[
            "data"
        ]
        return result

    return start


@pytest.fixture
def transcribe(task: Run, start: Start, clock: list[float]) -> Start:
    """Runs of the task until it has ended; it notes for how long the task asked to wait in between."""

    def transcribe(**environ: str) -> dict[str, Any]:
        while True:
            try:
                return start(**environ)
            except Postpone as wait:
                task.waits.append(wait.seconds)
                clock[0] += wait.seconds
                task.holds.clear()

    return transcribe


def test_a_file_is_uploaded_ordered_and_awaited(task: Run, service: Service, transcribe: Start) -> None:
    assert transcribe() == {
        "transcript_id": "transcript-0",
        "text": "Smoke from hundreds of wildfires.",
        "language_code": "en_us",
        "language_confidence": 0.99,
        "confidence": 0.95,
        "audio_duration": 7,
        "speech_model_used": "assemblyai-stt-3-7",
        "words": [{"text": "Smoke", "start": 250, "end": 650, "confidence": 0.97}],
    }
    assert list(service.uploads.values()) == [AUDIO]
    assert service.upload_encoding == "chunked", "the file was held in memory to be sent"
    assert service.orders[0]["language_detection"] is True
    assert service.orders[0]["speech_models"] == ["assemblyai-stt-3-7", "universal-2"]
    assert service.requests == ["POST /v2/upload", "POST /v2/transcript", *["GET /v2/transcript/transcript-0"] * 3]
    noted = task.attached["plugin:assembly_ai"]
    assert noted["data"]["text"].startswith("Smoke")
    key = f"acme/{task.record.id}/plugins/assembly_ai/{task.task_id}/transcript.json"
    with task.storage.open(key) as file:
        assert json.load(file) == noted["data"]
    assert [each["name"] for each in noted["files"]] == ["transcript.json"]


def test_what_is_said_in_a_video_becomes_its_captions(task: Run, service: Service, transcribe: Start) -> None:
    task.record = replace(task.record, kind="video")
    transcribe()
    (caption,) = from_info(task.attached)
    assert (caption.language, caption.source, caption.cues) == ("en-US", "assembly_ai", 1)
    with task.storage.open(paths.caption("acme", task.record.id, caption.id)) as file:
        assert read_captions(file.read()) == [Cue(250, 1050, "Smoke")]
    transcribe()
    assert from_info(task.attached) == [caption]


def test_no_worker_is_held_between_two_looks(service: Service, start: Start, clock: list[float]) -> None:
    """The next look comes soon for what is young, and seldom for what takes long."""
    service.statuses = ["processing"]
    ordered_at = clock[0]
    waits = []
    for age in (0, 3, 100, 1000):
        clock[0] = ordered_at + age
        with pytest.raises(Postpone) as wait:
            start()
        waits.append(wait.value.seconds)
    assert waits == pytest.approx([3, 3, 20, 60])
    assert service.requests == ["POST /v2/upload", "POST /v2/transcript", *["GET /v2/transcript/transcript-0"] * 3]


def test_words_that_do_not_fit_into_a_result_are_in_the_file(task: Run, service: Service, transcribe: Start) -> None:
    service.words = [{"text": f"word{n}", "start": n, "end": n, "confidence": 0.5} for n in range(15_000)]
    result = transcribe()
    assert result["words"] is None
    with task.storage.open(f"acme/{task.record.id}/plugins/assembly_ai/{task.task_id}/transcript.json") as file:
        assert len(json.load(file)["words"]) == 15_000


def test_a_text_that_does_not_fit_into_a_result_is_in_the_file(task: Run, service: Service, transcribe: Start) -> None:
    service.text = "\N{GRINNING FACE}" * 300_000
    assert transcribe()["text"] is None
    with task.storage.open(f"acme/{task.record.id}/plugins/assembly_ai/{task.task_id}/transcript.json") as file:
        assert json.load(file)["text"] == service.text


def test_what_json_can_say_and_we_cannot_keep_spoils_no_transcript(service: Service, transcribe: Start) -> None:
    odd = """{"status": "completed", "text": "caf\\ud800 \\ud83d\\ude00", "confidence": 1e400, "audio_duration": NaN,
              "words": [{"text": "a", "start": %s, "end": -Infinity, "confidence": 0.5}, null], "utterances": %s}"""
    service.planned = {"GET /v2/transcript/": [(200, odd % ("9" * 5000, "[" * 500 + "]" * 500), {})]}
    result = transcribe()
    stored_json.encode_strictly(result)
    assert (result["text"], result["confidence"], result["audio_duration"]) == ("caf? \N{GRINNING FACE}", None, None)
    assert result["words"] == [{"text": "a", "start": None, "end": None, "confidence": 0.5}]


def test_progress_rises_while_uploading(task: Run, transcribe: Start) -> None:
    transcribe()
    percents = [percent for percent, _ in task.progressed]
    assert percents == sorted(percents)
    assert percents[-1] == 50
    assert {stage for _, stage in task.progressed} == {"uploading"}


def test_a_language_that_is_set_is_not_detected(service: Service, transcribe: Start) -> None:
    transcribe(ASSEMBLY_AI_LANGUAGE_CODE="de", ASSEMBLY_AI_SPEECH_MODELS="universal-2")
    order = service.orders[0]
    assert (order["language_code"], order["speech_models"]) == ("de", ["universal-2"])
    assert "language_detection" not in order


# one payment, whenever a run ends ----------------------------------------------------------------------------------


def test_a_later_run_looks_for_the_transcript_that_was_ordered(service: Service, start: Start) -> None:
    """Whatever ended the first: a wait, an error, or the death of its worker."""
    with pytest.raises(Postpone):
        start()
    service.statuses = ["completed"]
    service.requests.clear()
    assert start()["transcript_id"] == "transcript-0"
    assert service.requests == ["GET /v2/transcript/transcript-0"]


def test_a_transcript_that_is_never_done_is_given_up_and_a_retry_waits_on(
    service: Service, transcribe: Start, start: Start
) -> None:
    service.statuses = ["processing"]
    with pytest.raises(PermanentError, match="not finished the transcript in 24 hours; retry the task to go on"):
        transcribe()
    service.statuses = ["processing", "completed"]
    assert transcribe()["transcript_id"] == "transcript-0"
    assert len(service.orders) == 1


def test_an_order_whose_answer_was_lost_is_found_again(service: Service, transcribe: Start) -> None:
    service.lost_answers = {"POST /v2/transcript"}
    with pytest.raises(TransientError, match="cannot be reached"):
        transcribe()
    service.orders += [{"id": f"other-{number}", "audio_url": "https://elsewhere"} for number in range(450)]
    assert transcribe()["transcript_id"] == "transcript-0"
    assert len(service.uploads) == 1
    assert len([order for order in service.orders if order["audio_url"] in service.uploads]) == 1


def test_an_order_whose_answer_was_lost_is_looked_for_until_the_list_shows_it(
    task: Run, service: Service, transcribe: Start
) -> None:
    service.lost_answers, service.unlisted_looks = {"POST /v2/transcript"}, 5
    with pytest.raises(TransientError, match="cannot be reached"):
        transcribe()
    assert transcribe()["transcript_id"] == "transcript-0"
    assert (len(service.uploads), len(service.orders)) == (1, 1)
    assert task.waits[:5] == [10, 10, 10, 15, 22.5], "a worker was held, or the list was asked without a pause"


def test_an_order_that_never_arrived_is_made_after_minutes_with_the_same_upload(
    task: Run, service: Service, transcribe: Start
) -> None:
    service.planned = {"POST /v2/transcript": [(503, "", {})]}
    with pytest.raises(TransientError):
        transcribe()
    assert transcribe()["transcript_id"] == "transcript-0"
    assert (len(service.uploads), len(service.orders)) == (1, 1)
    assert 600 <= sum(task.waits) < 800
    assert service.requests.count("GET /v2/transcript") < 15


@pytest.mark.parametrize("status", [429, 408, 422])
def test_an_order_that_was_refused_for_now_is_not_looked_for(
    task: Run, service: Service, transcribe: Start, status: int
) -> None:
    service.planned = {"POST /v2/transcript": [(status, "", {"Retry-After": "1"})]}
    for _ in range(2):
        try:
            transcribe()
        except TransientError as error:
            assert error.extra["answered"] == status
    assert len(service.orders) == 1
    assert sum(task.waits) < 60


def test_the_list_is_looked_through_as_far_as_it_can_help(service: Service, start: Start) -> None:
    service.lost_answers = {"POST /v2/transcript"}
    with pytest.raises(TransientError):
        start()
    service.orders = [
        {"id": f"old-{number}", "audio_url": "", "created": "2023-11-12T23:59:59.9"} for number in range(450)
    ]
    with pytest.raises(Postpone):
        start()
    assert service.requests.count("GET /v2/transcript") == 1


def test_a_transcript_that_the_service_does_not_know_yet_is_waited_for(service: Service, transcribe: Start) -> None:
    service.unknown_looks = 6
    assert transcribe()["transcript_id"] == "transcript-0"
    assert len(service.orders) == 1


@pytest.mark.parametrize("shell", [True, False])
def test_a_deleted_transcript_ends_the_task_in_words_and_a_retry_by_hand_orders_anew(
    service: Service, start: Start, transcribe: Start, clock: list[float], shell: bool
) -> None:
    with pytest.raises(Postpone):
        start()
    if shell:
        service.deleted = {"transcript-0"}
    else:
        del service.owners["transcript-0"]
    clock[0] += 3600
    with pytest.raises(
        PermanentError, match="does not have the transcript any more; retry the task to order and pay another"
    ):
        transcribe()
    assert len(service.orders) == 1, "somebody pays twice who did not ask for it"
    assert transcribe()["transcript_id"] == "transcript-1"


def test_another_account_orders_for_itself(
    service: Service, start: Start, transcribe: Start, clock: list[float]
) -> None:
    with pytest.raises(Postpone):
        start()
    clock[0] += 3600
    assert transcribe(ASSEMBLY_AI_API_KEY=OTHER_KEY)["transcript_id"] == "transcript-1"
    assert service.owners["transcript-1"] == "other"
    assert [service.owners[url] for url in service.uploads] == ["ours", "other"]


def test_another_account_uploads_for_itself(service: Service, transcribe: Start, clock: list[float]) -> None:
    service.planned = {"POST /v2/transcript": [(500, "", {})]}
    with pytest.raises(TransientError):
        transcribe()
    clock[0] += 3600
    assert transcribe(ASSEMBLY_AI_API_KEY=OTHER_KEY)["transcript_id"] == "transcript-0"
    assert service.owners["transcript-0"] == "other"


def test_another_key_of_the_same_account_goes_on(
    service: Service, start: Start, transcribe: Start, clock: list[float]
) -> None:
    with pytest.raises(Postpone):
        start()
    with pytest.raises(Postpone):
        start(ASSEMBLY_AI_API_KEY=ROTATED_KEY)
    service.deleted = {"transcript-0"}
    clock[0] += 3600
    with pytest.raises(PermanentError, match="does not have the transcript any more"):
        transcribe(ASSEMBLY_AI_API_KEY=ROTATED_KEY)
    assert len(service.orders) == 1


def test_a_lost_upload_is_repeated_and_ordered_once(service: Service, transcribe: Start) -> None:
    service.lost_answers = {"POST /v2/upload"}
    with pytest.raises(TransientError):
        transcribe()
    assert not service.orders
    transcribe()
    assert len(service.orders) == 1


def test_a_failed_transcript_is_permanent_and_a_retry_by_hand_orders_anew(service: Service, transcribe: Start) -> None:
    service.statuses, service.error = ["processing", "error"], f"Audio is silent ({KEY})"
    with pytest.raises(PermanentError, match=r"could not transcribe the file: Audio is silent \(\[secret\]\)"):
        transcribe()
    service.statuses = ["completed"]
    assert transcribe()["transcript_id"] == "transcript-1"
    assert len(service.uploads) == 2


def test_a_refused_order_is_permanent_and_a_retry_by_hand_uploads_anew(service: Service, transcribe: Start) -> None:
    service.planned = {"POST /v2/transcript": [(403, {"error": "Cannot access uploaded file"}, {})]}
    with pytest.raises(PermanentError, match="403: Cannot access uploaded file"):
        transcribe()
    transcribe()
    assert (len(service.uploads), len(service.orders)) == (2, 1)


# errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", ["POST /v2/upload", "POST /v2/transcript", "GET /v2/transcript/"])
@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            (401, {"error": "Authentication error"}, {}),
            PermanentError,
            "refused the API key; PUT a valid one to /api/plugins/assembly_ai/config, or check",
        ),
        ((403, {"error": "Access denied"}, {}), PermanentError, "answered 403: Access denied"),
        ((302, "", {"Location": "http://elsewhere/"}), PermanentError, "answered 302"),
        ((422, {"error": "Upload failed"}, {}), TransientError, "answered 422: Upload failed"),
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
    service: Service, transcribe: Start, request_: str, answer: Answer, error: type[Exception], message: str
) -> None:
    service.planned = {request_: [answer] * 10}
    with pytest.raises(error, match=message):
        transcribe()


@pytest.mark.parametrize("request_", ["POST /v2/upload", "POST /v2/transcript", "GET /v2/transcript/"])
@pytest.mark.parametrize(
    ("said", "seconds"), [("17", 17), (None, 30), ("soon", 30), ("999999", 3600), ("9" * 4301, 3600)]
)
def test_a_service_that_asks_for_rest_gets_it_from_all_tasks(
    task: Run, service: Service, start: Start, request_: str, said: str | None, seconds: float
) -> None:
    """No retry is spent, and until the rest is over not one request is made."""
    if request_.startswith("GET"):
        with pytest.raises(Postpone):
            start()
    service.planned = {request_: [(429, {"error": "Too Many Requests"}, {"Retry-After": said} if said else {})]}
    with pytest.raises(Postpone) as wait:
        start()
    assert (wait.value.seconds, task.holds) == (seconds, {"assembly_ai:": seconds})
    service.requests.clear()
    with pytest.raises(Postpone) as wait:
        start()
    assert wait.value.seconds >= seconds
    assert service.requests == []


def test_refusals_between_which_the_task_gets_on_never_end_it(
    task: Run, service: Service, start: Start, clock: list[float]
) -> None:
    """Each look is refused once before it is answered, for more than a day."""
    service.statuses = ["processing"]
    with pytest.raises(Postpone):
        start()
    for _ in range(20):
        service.planned = {"GET /v2/transcript/": [(429, "", {})]}
        for _ in range(2):
            clock[0] += 4_300 / 2
            with pytest.raises(Postpone):
                start()
            task.holds.clear()


def test_an_account_of_ones_own_rests_alone(task: Run, service: Service, start: Start) -> None:
    task.configs["assembly_ai"] = {"api_key": KEY}
    service.planned = {"POST /v2/upload": [(429, "", {"Retry-After": "9"})]}
    with pytest.raises(Postpone):
        start()
    assert task.holds == {"assembly_ai:acme": 9}
    del task.configs["assembly_ai"]
    with pytest.raises(Postpone, match="again in 3 s"):
        start()


def test_a_paid_transcript_outlives_an_outage(task: Run, service: Service, transcribe: Start) -> None:
    """Looks that fail cost no retry while there are not too many in a row."""
    working: Answer = (200, {"id": "transcript-0", "status": "processing"}, {})
    outage: list[Answer] = [(500, "", {}), None, (502, "", {}), (503, "", {}), None, None, (500, "", {}), None, None]
    service.planned = {"GET /v2/transcript/": [*outage, working, *outage]}
    assert transcribe()["transcript_id"] == "transcript-0"
    assert len(service.orders) == 1
    assert len(task.waits) >= 18


def test_a_service_that_is_away_is_transient(service: Service, transcribe: Start) -> None:
    with serve() as gone:
        pass
    with pytest.raises(TransientError, match="cannot be reached"):
        transcribe(ASSEMBLY_AI_BASE_URL=gone.url)


def test_a_name_that_is_wrong_is_told_as_such(transcribe: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "as the resolver says it")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(TransientError, match=r"api\.invalid cannot be reached\. There is no host of this name"):
        transcribe(ASSEMBLY_AI_BASE_URL="http://api.invalid")


def test_a_slow_order_is_given_up_and_found_again(
    service: Service, transcribe: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answering.clear()
    with monkeypatch.context() as impatient:
        impatient.setattr(http, "TIMEOUT", (10.0, 0.2))
        with pytest.raises(TransientError, match=r"cannot be reached \(ReadTimeout\)"):
            transcribe()
    service.answering.set()
    assert transcribe()["transcript_id"] == "transcript-0"
    assert len(service.orders) == 1


def test_every_request_has_a_time_limit(transcribe: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[Any] = []
    send = requests.Session.send

    def spy(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        limits.append(options["timeout"])
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", spy)
    transcribe()
    assert len(limits) == 5
    assert all(0 < seconds <= 60 for limit in limits for seconds in limit)


# the key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [(400, {"error": f"bad token {KEY}"}, {}), (500, {"error": KEY}, {}), None])
def test_the_key_is_in_no_error_log_result_or_memory(
    task: Run, service: Service, transcribe: Start, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.planned = {"POST /v2/transcript": [answer]}
    with pytest.raises((PermanentError, TransientError)) as raised:
        transcribe()
    result = transcribe()
    shown = [*format_exception(raised.value), caplog.text]
    kept = [json.dumps(each) for each in (result, task.memory, task.attached, task.progressed)]
    assert not [text for text in shown + kept if KEY in text]


def test_a_key_that_is_no_key_is_refused_before_it_is_sent(task: Run, service: Service, transcribe: Start) -> None:
    for key in ("", "two words", f"{KEY}\n", f"{KEY}\r\nX-Injected: 1", "ключ"):
        with pytest.raises(PermanentError, match="ASSEMBLY_AI_API_KEY is missing or wrong") as raised:
            transcribe(ASSEMBLY_AI_API_KEY=key)
        assert not key or key not in "".join(format_exception(raised.value))
        task.configs["assembly_ai"] = {"api_key": key}
        with pytest.raises(
            PermanentError, match="api_key is missing or wrong; PUT it to /api/plugins/assembly_ai/config"
        ):
            transcribe()
        task.configs.clear()
    assert service.requests == []


def test_a_tenant_pays_with_its_own_key_and_cannot_send_the_operators_elsewhere(
    task: Run, service: Service, transcribe: Start
) -> None:
    task.configs["assembly_ai"] = {"api_key": KEY, "language_code": "de", "base_url": "http://127.0.0.1:1"}
    transcribe(ASSEMBLY_AI_API_KEY="the-operators", ASSEMBLY_AI_SPEECH_MODELS="universal-2")
    assert service.orders[0]["language_code"] == "de"
    assert service.orders[0]["speech_models"] != ["universal-2"], "the operator's settings are mixed with the tenant's"


def test_a_netrc_password_does_not_replace_the_key(
    transcribe: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert transcribe()["transcript_id"] == "transcript-0"


def test_enabled_means_that_there_is_a_key() -> None:
    plugin = AssemblyAI()
    assert plugin.enabled({"ASSEMBLY_AI_API_KEY": KEY})
    assert not plugin.enabled({})
    assert not plugin.enabled({"ASSEMBLY_AI_API_KEY": KEY, "ASSEMBLY_AI_BASE_URL": "ftp://x"})
