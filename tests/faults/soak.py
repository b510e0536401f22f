"""Claims, releases and searches for a long time, with nothing killed; `make soak`.

    python -m faults.soak [--database NAME] [--minutes M]

Ends with `SOAK seconds=S acknowledged=N searches=N lost=0 wrong=0 growth_mib=G`, where the growth is that of a worker's
memory from the second quarter of the time to the last. Exit code 1 if anything was lost or wrong, or grew by 32 MiB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from pathlib import Path
from random import Random

import httpx
import servers
from serving import HEADERS, UllageServer

from faults.clients import Client
from faults.judging import judge, stored_holdings
from faults.run import CAPACITY, CLIENTS, PROVIDERS, children_of, furnish

QUESTION = "/allocation_candidates?resources=VCPU:1&limit=5"
SAMPLE_SECONDS = 1.0
GROWTH_MIB_MAX = 32


class Searcher(threading.Thread):
    """Asks where room is, again and again."""

    def __init__(self, url: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self.wrong: list[str] = []
        self._url = url
        self._stopped = stop

    def run(self) -> None:
        with httpx.Client(base_url=self._url, headers=HEADERS, timeout=30) as client:
            while not self._stopped.is_set():
                answer = client.get(QUESTION)
                self.count += 1
                if answer.status_code != 200:
                    self.wrong.append(f"search: {answer.status_code} {answer.text[:200]}")


def memory_mib(process: int) -> float:
    """What a process has in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> int:
    """Run as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description="A long load.")
    parser.add_argument("--database", default="sqlite", choices=servers.NAMES)
    parser.add_argument("--minutes", type=float, default=30.0)
    options = parser.parse_args()
    with servers.running(options.database, durable=True) as server:
        url = server.new_database()
        furnish(url)
        with UllageServer(url, auth="noauth2", workers=1, log_level="warning") as service:
            stop, random = threading.Event(), Random(1)
            clients = [Client(service.url, PROVIDERS, random.randrange(10**9), stop) for _ in range(CLIENTS)]
            searchers = [Searcher(service.url, stop) for _ in range(2)]
            for thread in [*clients, *searchers]:
                thread.start()
            samples = sampled(service.process.pid, options.minutes * 60)
            stop.set()
            for thread in [*clients, *searchers]:
                thread.join()
        holdings, breaches = stored_holdings(url)
    verdict = judge([client.memory for client in clients], holdings, CAPACITY)
    wrong = [*verdict.trouble, *verdict.overcommitted, *breaches, *(each for one in searchers for each in one.wrong)]
    for sentence in [*verdict.lost, *wrong][:50]:
        print(f"  {sentence}")
    quarter = max(1, len(samples) // 4)
    growth = statistics.median(samples[-quarter:]) - statistics.median(samples[quarter : 2 * quarter])
    print(
        f"SOAK seconds={options.minutes * 60:.0f} acknowledged={verdict.acknowledged} "
        f"searches={sum(each.count for each in searchers)} lost={len(verdict.lost)} wrong={len(wrong)} "
        f"growth_mib={growth:.1f}"
    )
    return 1 if verdict.lost or wrong or growth > GROWTH_MIB_MAX else 0


def sampled(main_process: int, seconds: float) -> list[float]:
    """The memory of the largest worker, now and then, for so long."""
    samples = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(SAMPLE_SECONDS)
        samples.append(max(memory_mib(process) for process in children_of(main_process)))
    return samples


if __name__ == "__main__":
    sys.exit(main())
