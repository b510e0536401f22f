"""`python -m differential.run`: many random requests to the reference and to a running `ullage serve`.

Prints what differs, then what is listed in docs/reference/differences.md and how often it was met; exits with 0 only if
nothing else differs. A difference can be seen again with --seed and --epoch.
"""

from __future__ import annotations

import argparse
import secrets
import sys

import servers
from serving import UllageServer

from differential.driving import Report, Run
from differential.reference import ReferenceServer
from differential.sides import ReferenceSide, ServedSide, UllageSide

SETTINGS = {"enforce_new_defaults": False}
"""As the reference is set up: role admin is enough for everything, also for reshaping."""


def main(arguments: list[str] | None = None) -> int:
    """Run what the arguments choose; the exit status."""
    options = _parser().parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    with ReferenceServer() as reference, servers.running(options.database) as server:
        theirs = ReferenceSide(reference)
        if options.in_process:
            report = Run(theirs, UllageSide(server, **SETTINGS), options.seed).run(options.requests, options.epoch)
        else:
            with UllageServer(server.new_ledger_database(), **SETTINGS) as served:
                report = Run(theirs, ServedSide(served), options.seed).run(options.requests, options.epoch)
    show(report, wordings=options.wordings)
    return int(bool(report.unknown))


def show(report: Report, *, wordings: bool = False) -> None:
    """Print a report, what is wrong first and the counts last."""
    for difference in report.unknown:
        print(f"DIFFERENT {difference}")
    if wordings:
        for (theirs, ours), ask in sorted(report.wordings.items()):
            print(f"WORDING {ask}\n    reference {theirs!r}\n    Ullage    {ours!r}")
    for slug, count in sorted(report.known.items()):
        print(f"listed: {slug} {count}")
    print("statuses: " + ", ".join(f"{status} {count}" for status, count in sorted(report.statuses.items())))
    print(f"DIFFERENTIAL {report.requests} requests, {len(report.unknown)} unlisted differences")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m differential.run", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="default: a random one")
    parser.add_argument("--epoch", type=int, default=0, help="begin with this one")
    parser.add_argument("--database", choices=servers.NAMES, default="sqlite", help="what Ullage keeps its data in")
    parser.add_argument("--in-process", action="store_true", help="call Ullage's application instead of serving it")
    parser.add_argument("--wordings", action="store_true", help="show errors that only differ in their words")
    return parser


if __name__ == "__main__":
    sys.exit(main())
