"""Models by their public names: whether one is on this machine already, or can be had from the hub, within seconds.

The libraries that load models ask the hub themselves, for each file and again and again when it does not answer.
What asks is imported when it is needed: 0.2 s of CPU, which the bundled model does without.
"""

import os
from importlib import import_module
from queue import Empty, Queue
from threading import Thread
from typing import Any

#: Seconds that the hub has for one answer.
_PATIENCE = 5.0


def require(name: str) -> None:
    """Raises ``ValueError`` when the model is neither here nor to be had; asks the hub only if it is not here."""
    if not is_here(name):
        ask(name)


def is_here(name: str) -> bool:
    """Whether it was downloaded before."""
    for each in _candidates(name):
        try:
            cache = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
            _library().snapshot_download(each, cache_dir=cache, local_files_only=True)
            return True
        except _library().errors.LocalEntryNotFoundError:
            pass
    return False


def ask(name: str) -> None:
    """Raises ``ValueError`` when the hub has no such model or does not say so in time."""
    answers: Queue[Exception | None] = Queue()
    # In a thread, because no time-out of a socket bounds the look-up of a host or an answer that trickles.
    Thread(target=lambda: answers.put(_answer(name)), daemon=True).start()
    try:
        problem = answers.get(timeout=_PATIENCE)
    except Empty:
        raise ValueError(f"it is not on this machine, and the hub did not answer within {_PATIENCE:g} s") from None
    if isinstance(problem, _library().errors.RepositoryNotFoundError):
        raise ValueError("it is not on this machine, and the hub has no public model of this name") from problem
    if problem is not None:
        raise ValueError(
            f"it is not on this machine, and the hub cannot be asked ({' '.join(str(problem).split())})"
        ) from problem


def _library() -> Any:
    import_module("huggingface_hub.errors")
    return import_module("huggingface_hub")


def _answer(name: str) -> Exception | None:
    """What is wrong with all that the name may stand for."""
    problem: Exception | None = None
    for each in _candidates(name):
        try:
            _library().HfApi().model_info(each, timeout=_PATIENCE)
            return None
        except Exception as error:  # of the hub, of its HTTP client, of the network
            problem = error
    return problem


def _candidates(name: str) -> list[str]:
    """sentence-transformers looks for a name without an owner among its own models first."""
    return [name] if "/" in name else [f"sentence-transformers/{name}", name]
