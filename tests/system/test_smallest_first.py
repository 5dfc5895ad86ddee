"""Guards that who has just uploaded sees something soon: one real worker makes the smallest rendition of every video
that waits before the larger ones of any.
"""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.media import paths
from broker.media.records import MediaRecord
from broker.task import NewTask
from handlers.transcoding.task import VIDEO_TRANSCODING
from tests.broker.worker.harness import TENANT, Formation
from tests.handlers.transcoding.conftest import Make, make
from tests.handlers.transcoding.sources import AAC, X264, picture, sound

__all__ = ["make"]

#: Two segments and a short one.
SECONDS = 13


def upload(broker: Broker, path: Path) -> tuple[str, str]:
    """A video with its task, as the gateway makes them; their ids."""
    media_id, task_id = str(uuid4()), str(uuid4())
    about = (media_id, TENANT, "video", path.name, "video/mp4", path.stat().st_size)
    record = MediaRecord(*about, paths.source(TENANT, media_id), "", task_id)
    broker.storage.put_file(record.source_key, path)
    new = NewTask(VIDEO_TRANSCODING.name, {"video_id": media_id}, id=task_id)
    broker.tasks.submit(TENANT, broker.tasks.check(new), media=record)
    return media_id, task_id


def test_the_smallest_of_every_video_comes_before_the_larger_of_any(
    formation_of: Callable[..., Formation], make: Make
) -> None:
    formation = formation_of()
    broker = Broker.connect(BrokerSettings.from_env(formation.environ), {VIDEO_TRANSCODING.name: VIDEO_TRANSCODING})
    path = make("grows.mp4", *picture("640x480", "10", SECONDS), *sound(SECONDS), *X264, *AAC)
    videos = [upload(broker, path) for _ in range(2)]
    formation.daemon()
    formation.program("worker", "-m", "scripts.worker", VIDEO_TRANSCODING.name)
    for _, task_id in videos:
        formation.until_status(task_id, "completed", seconds=180)
    data = formation.folder / "data" / "media"
    stored = {
        (video, rung): [each.stat().st_mtime_ns for each in (data / paths.hls(TENANT, video, rung)).glob("*.m4s")]
        for video, _ in videos
        for rung in ("360p", "480p")
    }
    for one, _ in videos:
        for other, _ in videos:
            assert one == other or max(stored[one, "360p"]) < min(stored[other, "480p"])
    broker.redis.close()
