"""The environment that each process of the formation gets."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from broker.environment.addresses import in_url
from broker.environment.running import FILE, as_text
from handlers.embedding.task import EMBEDDING_GENERATION
from scripts.formation.address import Address
from scripts.formation.credentials import keep, write_private

#: The name of the only tenant, where the user named none.
TENANT = "default"
#: Workers hand their tasks back in time for the manager, which waits 8 s.
_DRAIN_SECONDS = "6"


def shared_environment(environ: Mapping[str, str], data_dir: Path, redis_url: str, url: str) -> dict[str, str]:
    """What all processes share: the user's settings, and ours for those left open; ``PORT`` and ``HOST`` are web's."""
    shared = {
        **environ,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(data_dir),
        "API_KEYS": environ.get("API_KEYS") or f"{TENANT}:{keep(data_dir / 'api_key')}",
        "SECRET_KEY": environ.get("SECRET_KEY") or keep(data_dir / "secret_key"),
        "PUBLIC_URL": environ.get("PUBLIC_URL") or url,
        "DRAIN_SECONDS": environ.get("DRAIN_SECONDS") or _DRAIN_SECONDS,
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)]),
    }
    if not environ.get("EMBED_UPLOADS") and not _embeds():
        shared["EMBED_UPLOADS"] = "none"  # tasks that nobody here can do would wait for ever
    for name in ("PORT", "HOST"):
        shared.pop(name, None)
    return shared


def _embeds() -> bool:
    """Whether what makes uploads searchable is installed here."""
    return all(find_spec(module) is not None for module in EMBEDDING_GENERATION.requires)


def for_web(address: Address) -> dict[str, str]:
    """What the gateway alone is told."""
    return {"HOST": in_url(address.host), "PORT": str(address.port), "SCRIPT_NAME": address.path}


@contextmanager
def remembered(shared: Mapping[str, str]) -> Iterator[None]:
    """While this lasts, commands beside the run find its settings in its folder."""
    path = Path(shared["DATA_DIR"]) / FILE
    write_private(path, as_text(shared))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def demo_access(environ: Mapping[str, str]) -> tuple[str, str]:
    """(URL, API key) of the formation that runs, or ran last, in ``DATA_DIR``. Ends the process when there was none."""
    data_dir = Path(environ.get("DATA_DIR") or ".data")
    try:
        url = (data_dir / "run.lock").read_text(encoding="utf-8").partition(" ")[0]
        key = first_key(environ.get("API_KEYS", "")) or (data_dir / "api_key").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        sys.exit(f"Nothing was started in {data_dir} yet: run `make run` in another terminal first.")
    return url, key


def first_key(api_keys: str) -> str:
    """The operator's key."""
    return api_keys.split(",")[0].partition(":")[2].strip()
