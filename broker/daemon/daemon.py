"""The daemon's chores, put together, and its life from start to SIGTERM."""

import logging
import signal
import threading
from contextlib import suppress

from redis import RedisError

from broker.broker import Broker
from broker.daemon.audit import Audit
from broker.daemon.declare import Declare
from broker.daemon.deliver import Deliver
from broker.daemon.health import Health
from broker.daemon.heartbeat import Heartbeat
from broker.daemon.libraries import Libraries
from broker.daemon.loop import run
from broker.daemon.promote import Promote
from broker.daemon.prune import Prune
from broker.daemon.reap import Reap
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
    chores = (
        heartbeat,
        Declare(broker.queues),
        Promote(transitions),
        Reap(transitions, settings),
        Prune(transitions, redis, keys, settings),
        Audit(redis, keys),
        deliver,
        Libraries(redis, keys),
    )
    log.info("daemon: %s", ", ".join(chore.name for chore in chores))
    run(chores, stop, health=health)
    log.info("stopping: deliveries that have begun end")
    deliver.close()
    with suppress(RedisError):  # the record expires by itself
        heartbeat.close()
    log.info("stopped")
    return 0


def _stop_on_signal(stop: threading.Event) -> None:
    """Runs in a thread, because a signal handler may interrupt the very wait that holds the event's lock."""
    signal.sigwait(_STOP)
    stop.set()
