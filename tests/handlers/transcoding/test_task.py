"""Guards the declaration: what may be sent, and that declaring it costs no process its start."""

import subprocess
import sys

import pytest

from broker.errors import InvalidInput
from handlers.transcoding.task import VIDEO_TRANSCODING

VIDEO_ID = "660e8400-e29b-41d4-a716-446655440001"


def test_a_video_id_is_all_it_takes() -> None:
    assert VIDEO_TRANSCODING.check_payload({"video_id": VIDEO_ID.upper()}) == {"video_id": VIDEO_ID}


@pytest.mark.parametrize("payload", [{}, {"video_id": "7"}, {"video_id": None}, {"video_id": VIDEO_ID, "speed": 2}, []])
def test_anything_else_is_refused(payload: object) -> None:
    with pytest.raises(InvalidInput):
        VIDEO_TRANSCODING.check_payload(payload)


def test_the_declaration_imports_no_media_library() -> None:
    heavy = "{'av', 'ffmpeg', 'imageio_ffmpeg', 'numpy'}"
    probe = f"import sys, handlers.transcoding.task; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "[]"
