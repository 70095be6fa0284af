"""Memory that is done with goes back to the system: large pictures, and what loading leaves."""

import ctypes

_M_TRIM_THRESHOLD = -1  # of malloc.h
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 8 * 1024**2


def return_large_blocks() -> None:
    """Let the allocator take large blocks from the system, and give them back when freed.

    By itself glibc takes the first few for a sign that more will come, and keeps all that follow:
    one picture of 50 Mpx would make the process 300 MB larger for good. What is smaller it is told
    to keep, up to twice a large block as is its own way: giving back and asking again for each
    picture costs some 250 page faults, nearly a millisecond in the kernel. To be called once,
    early; without effect on other C libraries.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE_BYTES)


def return_freed_pages() -> None:
    """Give back what loading the networks has used in passing, some 20 MB that glibc would keep.

    To be called once everything is loaded; without effect on other C libraries.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
