"""What `sys.setswitchinterval` does to a claim beside searches: `python bench/switching.py`.

Two threads hand a lock to and fro, as a request does with the committer, while others compute in Python. Prints, for
each interval, how long a round of the hand-over takes and how much the others get done.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time

INTERVALS_SECONDS = (0.005, 0.001, 0.0005, 0.0001)
ROUNDS = 200


class Busy(threading.Thread):
    """Computes until it is told to stop, and counts what it has done."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.is_wanted = True
        self.done = 0

    def run(self) -> None:
        while self.is_wanted:
            sum(range(100))
            self.done += 1


def rounds() -> list[float]:
    """Milliseconds from the asking of one thread to the answer of another."""
    asked, answered = threading.Semaphore(0), threading.Semaphore(0)

    def answer() -> None:
        for _ in range(ROUNDS):
            asked.acquire()
            time.sleep(0)  # as a commit does, this gives the interpreter away
            answered.release()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        asked.release()
        answered.acquire()
        taken.append((time.perf_counter() - began) * 1000)
    thread.join()
    return taken


def main() -> None:
    for busy_count in (0, 1, 2):
        for interval in INTERVALS_SECONDS:
            sys.setswitchinterval(interval)
            busy = [Busy() for _ in range(busy_count)]
            for thread in busy:
                thread.start()
            began = time.perf_counter()
            taken = rounds()
            seconds = time.perf_counter() - began
            for thread in busy:
                thread.is_wanted = False
                thread.join()
            done = sum(thread.done for thread in busy) / seconds
            slow = sorted(taken)[int(ROUNDS * 0.95)]
            print(
                f"{busy_count} busy, interval {interval * 1000:4.1f} ms: "
                f"median {statistics.median(taken):6.2f} ms, 95th {slow:6.2f} ms, others {done:9,.0f}/s"
            )


if __name__ == "__main__":
    main()
