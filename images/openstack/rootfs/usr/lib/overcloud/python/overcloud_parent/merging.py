"""Has the kernel merge equal pages of this process, and of those that come from it, with those of others that ask too.

Linux 6.4 and later; what is started by exec inherits it from 6.7 on. Nothing happens while /sys/kernel/mm/ksm/run is 0.
"""

import ctypes
import os

PR_SET_MEMORY_MERGE = 67


def ask():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"the kernel merges no pages by a process's request: {os.strerror(error)}")
