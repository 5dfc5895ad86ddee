"""Whether what ``TORCH`` demands is on this machine, before any task is taken."""

import subprocess
import sys

from handlers.embedding.models.settings import EmbeddingSettings, missing_for_torch

NO_GPU = (
    "TORCH=cuda, but torch sees no GPU here: it needs torch's CUDA build (make run TORCH=cuda), the driver, and a "
    "device that CUDA_VISIBLE_DEVICES does not hide; or set TORCH=cpu"
)
_PROGRAM = "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 3)"
#: Seconds for torch to be loaded.
_PATIENCE = 120


def check(settings: EmbeddingSettings) -> None:
    """Raises ``ValueError`` in words for the operator."""
    if settings.light:
        return
    if missing := missing_for_torch():
        raise ValueError(
            f"TORCH={settings.torch}, but not installed here: {', '.join(missing)} (make run TORCH={settings.torch}, "
            "or pip install 'mindia-tasks[embed]'); TORCH=none embeds without them"
        )
    if settings.torch == "cuda" and not _sees_gpu():
        raise ValueError(NO_GPU)


def _sees_gpu() -> bool:
    """Asked in a process of its own, because torch must not be in one that forks."""
    return subprocess.run([sys.executable, "-c", _PROGRAM], timeout=_PATIENCE, capture_output=True).returncode == 0
