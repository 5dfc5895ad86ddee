"""The daemon's chores, put together, and its life from start to SIGTERM."""

import logging
import signal
import threading
from contextlib import suppress

from redis import RedisError

from broker.broker import Broker
from broker.daemon.adopt import Adopt
from broker.daemon.apart import Apart
from broker.daemon.declare import Declare
from broker.daemon.deliver import Deliver
from broker.daemon.enforce_deadlines import EnforceDeadlines
from broker.daemon.expire import Expire
from broker.daemon.health import Health
from broker.daemon.heartbeat import Heartbeat
from broker.daemon.libraries import Libraries
from broker.daemon.loop import Chore, run
from broker.daemon.operate import Operate
from broker.daemon.order import Order
from broker.daemon.promote import Promote
from broker.daemon.prune import Prune
from broker.daemon.reap import Reap
from broker.daemon.reconcile import Reconcile
from broker.daemon.record import Record
from broker.daemon.regenerate import Regenerate
from broker.daemon.remove import Remove
from broker.daemon.sample import Sample
from broker.daemon.score import Score
from broker.daemon.settle import Settle
from broker.daemon.sweep import Sweep
from broker.daemon.tidy_uploads import TidyUploads
from broker.removal.expiry import Expiry
from broker.removal.orphans import Orphans
from broker.removal.sources import Sources
from broker.removal.tombstones import Tombstones
from broker.uploads.expiry import UploadExpiry
from broker.webhooks.delivery import Deliveries
from broker.webhooks.sending import Sender

log = logging.getLogger("broker")
_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def daemon(broker: Broker) -> int:
    """Keeps the promises about time until SIGTERM, SIGINT or SIGHUP; returns the exit status."""
    stop = threading.Event()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    threading.Thread(target=_stop_on_signal, args=(stop,), daemon=True).start()
    transitions, redis, keys, settings = broker.transitions, broker.redis, broker.keys, broker.settings
    sender = Sender(settings.secret_key, allow_private=settings.webhooks_allow_private)
    deliver = Deliver(Deliveries(redis, keys, public_url=settings.public_url), sender)
    health = Health()
    heartbeat = Heartbeat(broker.daemons, health)
    chores: tuple[Chore, ...] = (
        heartbeat,
        Declare(broker.queues),
        Promote(transitions),
        EnforceDeadlines(transitions),
        Order(redis, transitions, broker.holds),
        Settle(transitions),
        Reap(transitions, settings),
        Prune(transitions, redis, keys, settings),
        Reconcile(redis, keys),
        deliver,
        Libraries(redis, keys),
        Record(redis, keys, broker.types),
        Sample(redis, keys),
        Score(redis, keys, broker.types, broker.forecasts),
        Expire(Expiry(redis, keys, settings.media_retention_days)),
        *_storage_chores(broker),
        *([Apart(Adopt(broker.adoption))] if broker.adoption.queues else []),
    )
    log.info("daemon: %s", ", ".join(chore.name for chore in chores))
    run(chores, stop, health=health)
    log.info("stopping: deliveries that have begun end")
    deliver.close()
    with suppress(RedisError):  # the record expires by itself
        heartbeat.close()
    log.info("stopped")
    return 0


def _storage_chores(broker: Broker) -> list[Apart]:
    """What waits for the storage, which may take as long as it likes, or has much to do for each tenant."""
    redis, keys, settings = broker.redis, broker.keys, broker.settings
    tombstones, unfinished = Tombstones(redis, keys), broker.unfinished
    sources = Sources(redis, keys, unfinished, lambda: broker.storage)
    remove = Remove(tombstones, broker.remains, sources, settings.lease_seconds)
    orphans = Orphans(redis, keys, tombstones, unfinished, keep_days=settings.reprocess_keep_days)
    operate = Operate(broker.operations)
    sweep = Sweep(redis, keys, orphans, lambda: broker.storage, broker.uploads.live)
    tidy_uploads = TidyUploads(UploadExpiry(redis, keys, broker.uploads, broker.media.exists))
    regenerate = Regenerate(redis, keys, broker.generations, broker.tasks, settings.search_keep_days)
    return [Apart(operate), Apart(remove), Apart(sweep), Apart(tidy_uploads), Apart(regenerate)]


def _stop_on_signal(stop: threading.Event) -> None:
    """Runs in a thread, because a signal handler may interrupt the very wait that holds the event's lock."""
    signal.sigwait(_STOP)
    stop.set()
