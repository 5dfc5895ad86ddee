"""What a task does that helps another with its video: it makes parts of the pictures, and nothing else.

It stores and writes down what the other would, says nothing of the video, and fails for itself alone.
"""

from collections.abc import Callable

from broker.context import TaskContext
from broker.errors import NotFound
from broker.media import paths
from broker.media.records import MediaRecord
from handlers.transcoding.encoder import Encoder, Video
from handlers.transcoding.manifest import LaterManifest
from handlers.transcoding.prepare import digest_of, look_and_plan
from handlers.transcoding.ranges import Part
from handlers.transcoding.sharing import shared_parts
from handlers.transcoding.version import folder_of


def help_with(context: TaskContext, media: MediaRecord) -> None:
    """Make parts until none is left, the other task has ended, or other videos wait. They come first."""
    if not context.shared_work.any_left():
        return
    prefix = paths.hls(context.tenant, media.id, folder_of(context, media))
    try:
        stored = context.storage.stat(media.source_key)
        with context.storage.local_file(media.source_key) as path:
            context.progress(0, "probing")
            video = look_and_plan(context, media, stored, path, prefix, keep=False)
            digest = digest_of(stored, video)
            manifest = LaterManifest(context, media.id, digest)
            count = _make_parts(context, video, manifest)
    except NotFound:  # the video is deleted
        return
    context.log.info("%d parts of the video made", count)


def _make_parts(context: TaskContext, video: Video, manifest: LaterManifest) -> int:
    """How many."""
    manifest.load_more()
    encoder = Encoder(context, video, manifest, lambda: None)
    work, known, count = context.shared_work, shared_parts(video), 0
    while not context.others_wait() and (names := work.take(manifest.digest).parts):
        part = known[names[0]]
        # Where a run has begun a rendition of it, encoders would begin elsewhere: that is the other task's to end.
        if manifest.has_pieces(part) or not encoder.make_as_planned(part, _told(context, video, part)):
            work.give_back(part.name)
            break
        manifest.write_all()
        work.is_made(part.name)
        count += 1
    return count


def _told(context: TaskContext, video: Video, part: Part) -> Callable[[int], None]:
    """Tells how far the part is."""
    total = video.plan.begins(part.end) - video.plan.begins(part.first)
    stage = f"segments {part.first} to {part.end - 1}"
    return lambda frames: context.progress(100 * frames / total, stage)
