"""`make security`: attack the running service; the last line is for scripts, and the exit status 1 if anything failed.

SECURITY requests=100000 failures=0 schemathesis=N spoilt=N random=N sqlmap=N ...
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
from collections.abc import Callable

import servers
from serving import UllageServer

from security import fuzzing, sqlmap
from security.judging import Judge
from security.sending import Line, request

SHARES = {"schemathesis": 0.25, "spoilt": 0.65, "random": 0.10}
"""How the requests are divided among the attacks."""


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
    names = chosen.databases.split(",")
    print(f"security: seed {chosen.seed}", flush=True)
    for name in names:
        with servers.running(name) as server:
            url = server.new_ledger_database()
            with UllageServer(url, auth="noauth2", log_level="warning") as service:
                _attack(service, judge, -(-chosen.requests // len(names)), chosen.seed)
                if not chosen.without_sqlmap and name == names[0]:
                    sqlmap.run(service, judge)
            _judge_log(service, judge, name)
    return _told(judge)


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


def _judge_log(service: UllageServer, judge: Judge, name: str) -> None:
    """What went wrong without being answered so is in the log."""
    if "Traceback" in service.finished_log:
        judge.fail(f"{name}: the log tells of a mistake:\n{service.finished_log[-4000:]}")


def _told(judge: Judge) -> int:
    kinds = " ".join(f"{kind}={count}" for kind, count in judge.requests.items())
    print(f"SECURITY requests={judge.total} failures={judge.failed} {kinds}")
    return 1 if judge.failed else 0


if __name__ == "__main__":
    sys.exit(main())
