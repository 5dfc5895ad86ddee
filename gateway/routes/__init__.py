"""One module per resource, listed here: its routes read the request, call the broker and show what it answers."""

from gateway.routes import (
    audios,
    audit,
    autoscale,
    batch,
    captions,
    documents,
    downloads,
    events,
    failures,
    flows,
    health,
    holds,
    images,
    keys,
    logs,
    me,
    media_files,
    metrics,
    operations,
    plugins,
    profiles,
    queues,
    quotes,
    reprocessing,
    search,
    simulations,
    streams,
    tasks,
    tenants,
    thumbnails,
    uploads,
    usage,
    videos,
    webhooks,
    workers,
)

_TASKS = (tasks, batch, operations, failures, quotes, flows, events, logs)
_QUEUES = (queues, simulations, tenants, holds, workers, autoscale)
_MEDIA = (
    *(videos, profiles, reprocessing, captions, thumbnails, downloads, streams, images, audios, documents),
    *(uploads, search, plugins, media_files),
)
_SYSTEM = (usage, me, health, metrics)
#: In the order of the API document.
BLUEPRINTS = [each.blueprint for each in (*_TASKS, *_QUEUES, *_MEDIA, webhooks, keys, audit, *_SYSTEM)]
