"""One module per resource: its routes read the request, call the broker and show what it answers."""

from gateway.routes import (
    batch,
    events,
    health,
    images,
    me,
    media_files,
    plugins,
    queues,
    search,
    streams,
    tasks,
    videos,
    webhooks,
    workers,
)

_MEDIA = (videos, streams, images, search, plugins, media_files)
#: In the order of the API document.
BLUEPRINTS = [each.blueprint for each in (tasks, batch, events, queues, workers, *_MEDIA, webhooks, me, health)]
