"""Rows that a model takes seconds to compute, kept in a file for the next start."""

import logging
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)


def read(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """What the file has; unknown rows are NaN, all of them where it is missing or damaged."""
    try:
        rows: NDArray[np.float32] = np.load(path, allow_pickle=False)
        if rows.shape == shape:
            return rows
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read and is made again: %s", path, error)
    return np.full(shape, np.nan, np.float32)


def write(path: Path, rows: NDArray[np.float32]) -> None:
    """Whole or not at all; the last of several processes wins, and what the others knew is computed again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, rows)
        os.replace(file.name, path)
    except OSError as error:
        log.warning("%s cannot be kept: %s", path, error)
