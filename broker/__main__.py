"""``python -m broker`` is the daemon; ``check`` looks at the configuration before a release, ``doctor`` at everything
that is in Redis, and with ``--repair`` puts it right."""

import argparse
import os
import sys

from broker.broker import Broker
from broker.daemon.daemon import daemon
from broker.doctor.doctor import doctor
from broker.doctor.server import check
from broker.log import set_up_logging
from broker.settings.running import beside_a_run
from broker.startup import Startup, refuse


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


if __name__ == "__main__":
    sys.exit(main())
