"""What becomes of memory that is free again."""

from __future__ import annotations

import ctypes

MIB = 1 << 20
KEPT_BYTES_MAX = 64 * MIB
"""So much stays with the process. Beside claims at full rate a search in a million providers leaves some 10 MiB."""
APART_BYTES_MIN = 4 * MIB
"""So much at once is taken from the system apart, and given back. A block's column is smaller, a long list is not."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""As <malloc.h> numbers what mallopt sets."""


def keep_freed() -> bool:
    """Have the C library keep what is freed for what comes next, one heap for all threads; False if it cannot.

    After claims a search copies some columns of each block concerned, and drops the copies of the search before. By
    itself glibc gives such an amount back to the system at once; to have it again costs a fault and 4 KiB of zeros for
    each page, which took longer than to copy and to search. See docs/decisions/0007.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    wanted = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, APART_BYTES_MIN), (_TRIM_THRESHOLD, KEPT_BYTES_MAX))
    return all(mallopt(what, value) for what, value in wanted)
