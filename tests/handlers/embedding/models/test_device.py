"""Guards TORCH: what it demands is looked for before any task is taken, and what is missing is named."""

from pathlib import Path

import pytest

from tests.handlers.embedding.conftest import NEEDS, needs_torch

preflight = pytest.importorskip("handlers.embedding.preflight", reason=NEEDS, exc_type=ImportError)
settings = pytest.importorskip("handlers.embedding.models.settings", reason=NEEDS, exc_type=ImportError)
needs_torch()

#: As much of torch as is asked.
STAND_IN = "class cuda:\n    @staticmethod\n    def is_available():\n        return {seen}\n"


@pytest.fixture(params=[True, False])
def seen(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether torch, as a new process finds it, sees a GPU."""
    (tmp_path / "torch.py").write_text(STAND_IN.format(seen=request.param))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return bool(request.param)


def test_a_gpu_that_is_demanded_has_to_be_there(seen: bool) -> None:
    if seen:
        assert preflight.check({"TORCH": "cuda"}).torch == "cuda"
    else:
        with pytest.raises(ValueError, match="TORCH=cuda, but torch sees no GPU here"):
            preflight.check({"TORCH": "cuda"})
    assert preflight.check({"TORCH": "cpu"}).torch == "cpu"
    assert preflight.check_model({"TORCH": "cuda"}).bundled  # who only searches needs none


def test_torch_embeds_where_it_is_installed_and_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not settings.EmbeddingSettings.from_env({}).light
    left_out = settings.EmbeddingSettings.from_env({"TORCH": "none"})
    monkeypatch.setattr(settings, "missing_for_torch", lambda: ["torch"])
    assert settings.EmbeddingSettings.from_env({}).tag == left_out.tag
    assert left_out.tag.startswith("all-MiniLM-L6-v2-int8+")
    assert settings.EmbeddingSettings.from_env({"TORCH": "cpu"}).name == "all-MiniLM-L6-v2"


def test_torch_that_is_demanded_and_not_installed_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.device, "missing_for_torch", lambda: ["torch", "sentence_transformers"])
    with pytest.raises(
        ValueError, match=r"TORCH=cpu, but not installed here: torch, sentence_transformers .*TORCH=none"
    ):
        preflight.check({"TORCH": "cpu"})
    assert preflight.check({"TORCH": "none"}).light


@pytest.mark.parametrize("location", ["somebody/something", str(Path(__file__).parent)])
def test_a_model_that_needs_torch_is_refused_without(location: str) -> None:
    with pytest.raises(ValueError, match=f"EMBED_MODEL={location} needs torch"):
        preflight.check({"EMBED_MODEL": location, "TORCH": "none"})
