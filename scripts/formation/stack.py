"""The processes of the Procfile on one server, and what is looked after while they run."""

import re
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from broker.clock import Clock
from broker.environment.addresses import in_url
from broker.environment.reading import read
from scripts.formation.address import Address
from scripts.formation.banner import Place, banner
from scripts.formation.environment import first_key, for_web
from scripts.formation.manager import Manager, Unsustainable
from scripts.formation.output import standard_printer
from scripts.formation.process import Process
from scripts.formation.valkey import EmbeddedValkey, NoServer, free_port
from scripts.formation.watcher import Watcher

#: Seconds between two looks at whether the embedded server lives.
_LOOK_EVERY = 1.0


class Stack:
    """Everything that one ``make run`` runs."""

    def __init__(
        self,
        commands: Mapping[str, str],
        shared: Mapping[str, str],
        address: Address,
        valkey: EmbeddedValkey | None,
        started: float,
        *,
        own_key: bool,
    ) -> None:
        """``shared`` is the environment of all processes, ``started`` the monotonic time that readiness counts from.

        An ``own_key`` of the operator's is not shown.
        """
        settings = read(shared)
        dashboard_port = settings["DASHBOARD_PORT"] or free_port()
        dashboard = f"http://{in_url(settings['DASHBOARD_HOST'])}:{dashboard_port}" if "dashboard" in commands else ""
        web = {**for_web(address), "DASHBOARD_URL": settings["DASHBOARD_URL"] or dashboard}
        own = {"web": web, "dashboard": {"DASHBOARD_PORT": str(dashboard_port)}}
        self._printer = standard_printer(["run", *commands], shared)
        self._processes = [
            Process(name, command, {**shared, **own.get(name, {})}, self._printer) for name, command in commands.items()
        ]
        self._valkey = valkey
        self._started = started
        self._next_look = 0.0
        self._ready = False
        self._gateway = address
        self._place = Place(
            url=address.url,
            api_key="" if own_key else first_key(shared["API_KEYS"]),
            dashboard=dashboard,
            engine=f"Valkey in {valkey.folder}" if valkey else without_password(shared["REDIS_URL"]),
            data_dir=shared["DATA_DIR"],
        )

    def run(self, watcher: Watcher) -> int:
        """Runs until told to stop; returns the exit status."""
        return Manager(self._processes, self._printer, watcher, self._tick, Clock()).run()

    def _tick(self) -> None:
        if not self._ready and self._is_ready():
            self._ready = True
            seconds = time.monotonic() - self._started
            self._printer.block(banner(self._place, self._processes, seconds, self._printer), gateway=self._place.url)
        if self._valkey and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_EVERY
            self._keep_alive(self._valkey)

    def _keep_alive(self, valkey: EmbeddedValkey) -> None:
        if valkey.alive():
            return
        self._printer.alarm("the embedded Valkey died; starting it again")
        try:
            valkey.start()
        except NoServer as error:
            raise Unsustainable(str(error)) from error
        self._printer.note("the embedded Valkey answers again")

    def _is_ready(self) -> bool:
        """Whether every process runs (or was given up) and the gateway says that it can serve."""
        if not all(process.running or process.given_up for process in self._processes):
            return False
        connection = HTTPConnection(self._gateway.netloc, timeout=0.5)
        try:
            connection.request("GET", f"{self._gateway.path}/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def without_password(url: str) -> str:
    """The URL as it may be shown: options may hold a password too."""
    return re.sub(r"[?#].*", "?***", re.sub(r"://[^@/]*@", "://***@", url), flags=re.DOTALL)
