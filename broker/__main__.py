"""``python -m broker`` is the daemon; ``check`` looks at the configuration before a release, ``doctor`` at everything
that is in Redis, and with ``--repair`` puts it right; ``keys`` makes, lists, rotates and revokes API keys; ``acl``
prints what a Redis user of each process has to be granted; ``adopt`` shows a running RQ system, and takes over its
queues.
"""

import argparse
import os
import sys

from broker.access import command as keys_command
from broker.adoption import command as adopt_command
from broker.broker import Broker
from broker.daemon.daemon import daemon
from broker.doctor.acl import CHECKED, print_acl
from broker.doctor.doctor import doctor
from broker.doctor.server import check, never
from broker.environment.running import beside_a_run
from broker.log import set_up_logging
from broker.startup import Startup, refuse


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m broker", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("daemon", help="what runs without a command")
    checked = commands.add_parser("check", help="whether this configuration may be used")
    checked.add_argument("--process", choices=CHECKED, default="", help="with the rights that this one needs alone")
    commands.add_parser("acl", help="the rights of Redis users with which each process can do its work, and no more")
    examination = commands.add_parser("doctor", help="what is wrong in Redis, and why tasks wait")
    examination.add_argument("--repair", action="store_true", help="put right what is wrong")
    keys_command.add_arguments(commands.add_parser("keys", help="API keys"))
    adopt_command.add_arguments(commands.add_parser("adopt", help="queues of a running RQ system"))
    parser.set_defaults(command="daemon")
    options = parser.parse_args()
    set_up_logging(os.environ)
    environ = os.environ if options.command == "daemon" else beside_a_run(os.environ)
    if options.command == "acl":
        return print_acl(environ)
    # A gateway without keys does not start; that of a `make run` has some of its own.
    keys = ("API_KEYS",) if options.command == "check" and environ is os.environ else ()
    try:
        startup = Startup.from_env(environ, required=("REDIS_URL", *keys))
    except ValueError as error:
        return refuse(f"the {options.command}", error, environ)
    broker = Broker(startup.settings, startup.types)
    if options.command == "keys":
        return keys_command.run(broker.api_keys, options)
    if options.command == "adopt":
        return adopt_command.run(broker.adoption, options, broker.queues.declare)
    if options.command == "doctor":
        return doctor(broker, repair=options.repair)
    if options.command == "check":
        return check(broker, options.process)
    if wrong := never(broker):
        return refuse("the daemon", ValueError(wrong), environ)
    return daemon(broker)


if __name__ == "__main__":
    sys.exit(main())
