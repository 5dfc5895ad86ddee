"""``python -m broker`` is the daemon; ``check`` looks at the configuration before a release, ``doctor`` at everything
that is in Redis, and with ``--repair`` puts it right."""

import argparse
import logging
import os
import signal
import sys
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
from broker.doctor.doctor import doctor
from broker.doctor.server import check
from broker.log import set_up_logging
from broker.settings.running import beside_a_run
from broker.startup import Startup, refuse
from broker.webhooks.delivery import Deliveries
from broker.webhooks.sending import Sender

log = logging.getLogger("broker")
_STOP = {signal.SIGTERM, signal.SIGINT}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m broker", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["daemon", "check", "doctor"], default="daemon")
    parser.add_argument("--repair", action="store_true", help="doctor: put right what is wrong")
    options = parser.parse_args()
    if options.repair and options.command != "doctor":
        parser.error("--repair belongs to doctor")
    set_up_logging(os.environ)
    environ = os.environ if options.command == "daemon" else beside_a_run(os.environ)
    # A gateway without keys does not start; that of a `make run` has some of its own.
    keys = ("API_KEYS",) if options.command == "check" and environ is os.environ else ()
    try:
        startup = Startup.from_env(environ, required=("REDIS_URL", *keys))
    except ValueError as error:
        return refuse(f"the {options.command}", error, environ)
    broker = Broker(startup.settings, startup.types)
    if options.command == "doctor":
        return doctor(broker, repair=options.repair)
    return check(broker) if options.command == "check" else daemon(broker)


def daemon(broker: Broker) -> int:
    """Keeps the promises about time until SIGTERM or SIGINT."""
    stop = threading.Event()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    threading.Thread(target=_stop_on_signal, args=(stop,), daemon=True).start()
    store, redis, keys, settings = broker.store, broker.redis, broker.keys, broker.settings
    sender = Sender(settings.secret_key, allow_private=settings.webhooks_allow_private)
    deliver = Deliver(Deliveries(redis, keys, public_url=settings.public_url), sender)
    health = Health()
    heartbeat = Heartbeat(broker.daemons, health)
    chores = (
        heartbeat,
        Declare(broker.queues),
        Promote(store),
        Reap(store, settings),
        Prune(store, redis, keys, settings),
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


if __name__ == "__main__":
    sys.exit(main())
