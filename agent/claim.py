"""Locks on open files: whoever holds one is alive, since the kernel takes it from the dead."""

from __future__ import annotations

import fcntl
import os


def claimed(descriptor: int) -> bool:
    """Lock an open file for this process; False when another holds it, or removed the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return os.fstat(descriptor).st_nlink > 0


def held(descriptor: int) -> bool:
    """Whether another process has claimed an open file; many may look at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
