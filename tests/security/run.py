"""`make security`: attack the running service; the last line is for scripts, and the exit status 1 if anything failed.

SECURITY requests=100000 failures=0 seed=S seconds=T databases=sqlite,... schemathesis=N spoilt=N random=N sqlmap=N
"""

from __future__ import annotations

import argparse
import random
import re
import secrets
import sys
import time
from collections.abc import Callable

import servers
from serving import UllageServer

from security import fuzzing, sqlmap
from security.judging import Judge
from security.sending import Line, request

SHARES = {"schemathesis": 0.25, "spoilt": 0.65, "random": 0.10}
"""How the requests are divided among the attacks."""
MISTAKE = re.compile(r"Traceback|^\S+ (ERROR|CRITICAL) .*", re.MULTILINE)
"""What the log says when something went wrong, be it a request's own thread, the committer or a worker that is gone."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="security", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="how many, on all databases together")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**32), help="the same seed makes the same requests"
    )
    parser.add_argument("--databases", default=",".join(servers.chosen_names()))
    parser.add_argument("--without-sqlmap", action="store_true")
    chosen = parser.parse_args()
    judge = Judge()
    began = time.monotonic()
    names = chosen.databases.split(",")
    print(f"security: seed {chosen.seed}", flush=True)
    for name in names:
        with servers.running(name) as server:
            url = server.new_ledger_database()
            with UllageServer(url, auth="noauth2", log_level="warning") as service:
                _attack(service, judge, -(-chosen.requests // len(names)), chosen.seed)
                if not chosen.without_sqlmap:
                    sqlmap.run(service, judge)
            judge_log(service.finished_log, judge, name)
    print(told(judge, chosen.seed, time.monotonic() - began, chosen.databases))
    return 1 if judge.failed else 0


def _attack(service: UllageServer, judge: Judge, count: int, seed: int) -> None:
    chance = random.Random(seed)
    attacks: dict[str, Callable[[Line, int], None]] = {
        "schemathesis": lambda line, share: fuzzing.described(line, judge, share, seed),
        "spoilt": lambda line, share: fuzzing.spoilt(line, judge, share, chance),
        "random": lambda line, share: fuzzing.random_bytes(line, judge, share, chance),
    }
    for kind, attack in attacks.items():
        with Line(service.port) as line:
            attack(line, round(count * SHARES[kind]) + 1)
            if line.ask(request("GET", "/"))[0] != 200:
                judge.fail(f"{kind}: the service answers no more")
        print(f"security: {judge.total} requests, {judge.failed} failures", flush=True)


def judge_log(log: str, judge: Judge, name: str) -> None:
    """What went wrong without being answered so is in the log."""
    met = MISTAKE.search(log)
    if met is not None:
        judge.fail(f"{name}: the log tells of a mistake:\n{log[max(0, met.start() - 500) :][:4000]}")


def told(judge: Judge, seed: int, seconds: float, databases: str) -> str:
    """The line for scripts."""
    kinds = " ".join(f"{kind}={count}" for kind, count in judge.requests.items())
    run = f"seed={seed} seconds={seconds:.0f} databases={databases}"
    return f"SECURITY requests={judge.total} failures={judge.failed} {run} {kinds}"


if __name__ == "__main__":
    sys.exit(main())
