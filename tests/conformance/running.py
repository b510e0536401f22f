"""Runs YAML files on a stage and says how every test of them came out."""

from __future__ import annotations

import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gabbi import handlers, suitemaker, utils

from conformance.fixtures import fixtures_for
from conformance.stage import Stage


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test of one file; `trouble` is "" if it passed, else what was expected and what came."""

    file: str
    test: str
    trouble: str

    @property
    def passed(self) -> bool:
        return not self.trouble


class _Collector(unittest.TestResult):
    """Keeps the first trouble of each test by its name; a test that never ran has none and is not in `ran`."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: dict[str, str] = {}
        self.ran: set[str] = set()

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 # unittest's name
        super().startTest(test)
        self.ran.add(_name(test))

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 # unittest's name
        self._note(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 # unittest's name
        self._note(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802 # unittest's name
        self.troubles.setdefault(_name(test), f"not run: {reason}")

    def _note(self, test: unittest.TestCase, err: Any) -> None:
        kind, value, _ = err
        self.troubles.setdefault(_name(test), f"{kind.__name__}: {value}".strip())


def run_file(file: Path, stage: Stage) -> list[Outcome]:
    """Run one file on an empty database of the stage; the outcomes are in the file's order."""
    suite = _suite(file, stage)
    tests = [test for test in suite if isinstance(test, unittest.TestCase)]
    collector = _Collector()
    try:
        suite.run(collector)
    finally:
        for test in tests:
            test.http.client.close()  # type: ignore[attr-defined] # gabbi hangs its client on the test's class
    return [Outcome(file.stem, test.test_data["name"], _trouble(test, collector)) for test in tests]  # type: ignore[attr-defined] # and the YAML


def _suite(file: Path, stage: Stage) -> unittest.TestSuite:
    suite: unittest.TestSuite = suitemaker.test_suite_from_dict(
        unittest.defaultTestLoader,
        file.stem,
        utils.load_yaml(yaml_file=str(file)),
        str(file.parent),
        host="127.0.0.1" if stage.port else "conformance.test",
        port=stage.port,
        fixture_module=fixtures_for(stage),
        intercept=stage.intercept,
        handlers=[handler() for handler in handlers.RESPONSE_HANDLERS],
    )
    return suite


def _name(test: unittest.TestCase) -> str:
    return type(test).__name__


def _trouble(test: unittest.TestCase, collector: _Collector) -> str:
    name = _name(test)
    if name in collector.troubles:
        return collector.troubles[name]
    return "" if name in collector.ran else "not run"
