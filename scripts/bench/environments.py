"""An environment for each peer below ``.bench/``, made when it is first needed and again when its versions change."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from scripts.bench.peers import Peer

ROOT = Path(__file__).resolve().parents[2]
HOMES = ROOT / ".bench"
PROGRAMS = Path(__file__).resolve().parent / "programs"


def available(peer: Peer) -> bool:
    """Whether this machine can run the peer; BullMQ needs Node."""
    return not peer.is_node or bool(shutil.which("node") and shutil.which("npm"))


def prepare(peer: Peer) -> None:
    """Installs what the peer needs, unless that was done before."""
    home = HOMES / peer.home
    stamp = home / "packages.json"
    if not peer.packages or (stamp.exists() and json.loads(stamp.read_text()) == list(peer.packages)):
        return
    print(f"==> Installing {' '.join(peer.packages)}", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if peer.is_node:
        subprocess.run(["npm", "install", "--silent", "--prefix", str(home), *peer.packages], check=True)
    else:
        venv.create(home, with_pip=True)
        subprocess.run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *peer.packages], check=True)
    stamp.write_text(json.dumps(peer.packages))


def command(peer: Peer, line: str, url: str) -> list[str]:
    """A command line of the table as arguments, its interpreter that of the peer's environment."""
    folder = HOMES / peer.home / "bin" if peer.packages else Path(sys.executable).parent
    first, *rest = line.format(bin=folder, url=url).split()
    return [str(folder / "python") if first == "python" else first, *rest]


def variables(peer: Peer, url: str, scratch: Path) -> dict[str, str]:
    """The environment of a peer's processes."""
    return {
        **os.environ,
        "REDIS_URL": url,
        "PYTHONPATH": os.pathsep.join([str(PROGRAMS), *([] if peer.packages else [str(ROOT)])]),
        "PEER_HOME": str(HOMES / peer.home),
        "DATA_DIR": str(scratch / "data"),
        "LATENCIES": str(scratch / "latencies"),
    }
