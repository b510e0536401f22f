"""`python -m conformance.run`: the published suites against Ullage on each database; the last line is the score.

Exits with 0 only if every database reaches the target: all tests but one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import servers
from serving import free_port

from conformance.running import Outcome, run_file
from conformance.stage import Stage, reference_stage, ullage_stage
from conformance.suites import suite_files


def main(arguments: list[str] | None = None) -> int:
    """Run what the arguments choose; the exit status."""
    options = _parser().parse_args(arguments)
    files = [file for file in suite_files() if options.only in file.stem]
    if options.reference:
        scores = [_run(files, reference_stage(free_port()))]
    else:
        scores = []
        for name in options.database or servers.chosen_names():
            with servers.running(name) as server:
                scores.append(_run(files, ullage_stage(server)))
    passed, total = (sum(score[place] for score in scores) for place in (0, 1))
    print(f"CONFORMANCE {passed}/{total}")
    return int(any(count < all_ for count, all_ in scores) or not total)


def _run(files: list[Path], stage: Stage) -> tuple[int, int]:
    """One stage's passed and total, each failure printed as it comes."""
    outcomes: list[Outcome] = []
    for file in files:
        for outcome in run_file(file, stage):
            outcomes.append(outcome)
            if not outcome.passed:
                print(f"FAILED {stage.name} {outcome.file}: {outcome.test}: {one_line(outcome.trouble)}", flush=True)
    passed = sum(outcome.passed for outcome in outcomes)
    print(f"CONFORMANCE {stage.name} {passed}/{len(outcomes)}", flush=True)
    return passed, len(outcomes)


def one_line(text: str, length_max: int = 400) -> str:
    """A text on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= length_max else line[:length_max] + " ..."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.run", description=__doc__)
    parser.add_argument("--database", action="append", choices=servers.NAMES, help="only this one (may be repeated)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only files with this in their name")
    parser.add_argument("--reference", action="store_true", help="against the reference, to prove the fixtures")
    return parser


if __name__ == "__main__":
    sys.exit(main())
