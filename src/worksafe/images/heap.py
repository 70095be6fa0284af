"""Memory of large pictures goes back to the system as soon as they are done."""

import ctypes

_M_MMAP_THRESHOLD = -3  # of malloc.h
_THRESHOLD_BYTES = 8 * 1024**2


def return_large_blocks() -> None:
    """Let the allocator take large blocks from the system, and give them back when freed.

    By itself glibc takes the first few for a sign that more will come, and keeps all that follow:
    one picture of 50 Mpx would make the process 300 MB larger for good. To be called once, early;
    without effect on other C libraries.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
