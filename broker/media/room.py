"""Room that media leave on a disk.

Something else lives there, too: under ``make run`` the server that keeps the tasks, which would take no more of them,
and have no media removed either, once they had used the last of it.
"""

import errno
import os
from typing import IO

#: Of a disk, and bytes at most.
_PART, _MOST = 20, 1 << 30


def leave_room(file: IO[bytes], size: int) -> None:
    """Raises ``OSError`` (ENOSPC) where ``size`` more bytes in this file would leave too little.

    A file system that does not tell its size, as some over a network, takes what it takes.
    """
    disk = os.fstatvfs(file.fileno())
    kept = min(disk.f_blocks * disk.f_frsize // _PART, _MOST)
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < kept + size:
        raise OSError(errno.ENOSPC, f"{kept >> 20} MiB of its disk are left free")
