"""``python -m scripts.backup create FOLDER`` copies a `make run`, also while it runs; ``restore FOLDER`` makes its
``DATA_DIR`` anew from the copy.

A copy has the embedded server's data (a snapshot that the server makes), then the media, then the secrets. In that
order, as what was accepted until the snapshot has its files by then; what was uploaded later has no record, and is
removed as an orphan after the restoration. Exit status 1 when it cannot be done.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from broker.engine.connection import connect, redis_errors
from broker.environment.reading import BadSettings, read_one
from broker.errors import Unavailable
from scripts.formation.valkey import EmbeddedValkey, NoServer

SECRETS = ("api_key", "secret_key")
SNAPSHOT = "dump.rdb"
#: Seconds for the server to write, or load, its data.
_PATIENCE = 3600.0


class CannotBackUp(Exception):
    """The message says what to do."""


def create(data_dir: Path, folder: Path) -> None:
    """Copies what lies in ``data_dir`` to a folder that is not there yet."""
    if folder.exists():
        raise CannotBackUp(f"{folder} is there already: name a new folder")
    valkey = EmbeddedValkey(data_dir / "valkey") if (data_dir / "valkey" / "port").exists() else None
    if valkey is None:
        raise CannotBackUp(f"no embedded server has run in {data_dir}: back up the server that REDIS_URL names instead")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    started = not valkey.ensure()
    try:
        _save(valkey)
        shutil.copy2(valkey.folder / SNAPSHOT, partial)
    finally:
        if started:
            valkey.stop()
    if (media := data_dir / "media").is_dir():
        shutil.copytree(media, partial / "media", ignore_dangling_symlinks=True, copy_function=_copy)
    for name in SECRETS:
        if (data_dir / name).exists():
            shutil.copy2(data_dir / name, partial)
    partial.rename(folder)  # a copy that was cut off is never taken for one


def restore(data_dir: Path, folder: Path) -> None:
    """Makes ``data_dir``, which must not be there or be empty, of a copy."""
    if not (folder / SNAPSHOT).exists():
        raise CannotBackUp(f"{folder} is no copy: there is no {SNAPSHOT} in it")
    if data_dir.exists() and any(data_dir.iterdir()):
        raise CannotBackUp(f"{data_dir} is not empty: name another DATA_DIR, or move it away")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in folder.iterdir():
        if each.is_dir():
            shutil.copytree(each, data_dir / each.name)
        elif each.name != SNAPSHOT:
            shutil.copy2(each, data_dir)
    # A server with an append-only file reads nothing else: it is started without, and makes one of the snapshot.
    valkey = EmbeddedValkey(data_dir / "valkey", appendonly=False)
    shutil.copy2(folder / SNAPSHOT, valkey.folder)
    valkey.ensure()
    try:
        with redis_errors(), connect(valkey.url) as client:
            client.config_set("appendonly", "yes")
            _until(lambda: _rewritten(client.info("persistence")), "the append-only file is written")
    finally:
        valkey.stop()
    (valkey.folder / SNAPSHOT).unlink()


def _rewritten(info: dict[str, Any]) -> bool:
    return not (info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"]) and bool(info["aof_enabled"])


def _save(valkey: EmbeddedValkey) -> None:
    with redis_errors(), connect(valkey.url) as client:
        before = client.info("persistence")["rdb_saves"]
        client.bgsave(schedule=True)
        _until(lambda: _saved(client.info("persistence"), before), "the snapshot is written")


def _saved(info: dict[str, Any], before: int) -> bool:
    """Whether a snapshot that was begun since then is whole; a beginning counts at once."""
    if info["rdb_bgsave_in_progress"] or info["rdb_saves"] <= before:
        return False
    if info["rdb_last_bgsave_status"] != "ok":
        raise CannotBackUp("the server could not write its snapshot: see its log, and whether its disk has room")
    return True


def _copy(source: str, target: str) -> None:
    """What goes away meanwhile was deleted, or was only there to be renamed."""
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise CannotBackUp(f"after {_PATIENCE:.0f} s it is not so that {what}: see the server's log")
        time.sleep(0.05)


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.backup", description=__doc__)
    parser.add_argument("action", choices=("create", "restore"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    try:
        data_dir: Path = read_one(os.environ, "DATA_DIR")
        {"create": create, "restore": restore}[options.action](data_dir, options.folder)
    except (BadSettings, CannotBackUp, NoServer, OSError, Unavailable) as error:
        print(f"backup {options.action}: {error}", file=sys.stderr)
        return 1
    print(f"{options.action}d: {options.folder if options.action == 'create' else data_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
