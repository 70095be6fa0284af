"""Memory that is done with goes back to the system: large pictures, and what loading leaves."""

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


def return_freed_pages() -> None:
    """Give back what loading the networks has used in passing, some 20 MB that glibc would keep.

    To be called once everything is loaded; without effect on other C libraries.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
