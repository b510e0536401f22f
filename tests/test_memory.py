"""Freed memory stays: without times, by the faults that taking it anew would make."""

from __future__ import annotations

import subprocess
import sys

COPIES_MADE_AND_DROPPED = """
import resource, sys
import numpy
from ullage import memory
if sys.argv[1] == "keep":
    assert memory.keep_freed()
def copied():
    return [numpy.ones(1 << 14) for _ in range(80)]
copied()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    copied()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Ten times what a search copies of 300,000 providers when claims have touched them all: 10 MiB, 2,560 pages."""


def faults(how: str) -> int:
    command = [sys.executable, "-c", COPIES_MADE_AND_DROPPED, how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_copies_that_are_made_anew_take_no_new_pages() -> None:
    assert faults("give back") > 10_000
    assert faults("keep") < 100
