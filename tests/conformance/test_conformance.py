"""The published suites, in process on each database, and over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Servers
from gabbi import utils
from servers import Server
from serving import UllageServer

from conformance.run import one_line
from conformance.running import Outcome, run_file
from conformance.stage import Stage, served_stage, ullage_stage
from conformance.suites import fixture_names, suite_files

FILES = suite_files()
EMPTY_WORLD_FILES = [file for file in FILES if fixture_names(file) == ("APIFixture",)]
TESTS_DUE = 1316

NOT_OVER_HTTP = {("basic-http", "bad content length not int"): "the HTTP client refuses to send it"}


def name(file: Path) -> str:
    return file.stem


def test_all_that_is_due_is_there() -> None:
    assert sum(len(utils.load_yaml(yaml_file=str(file))["tests"]) for file in FILES) == TESTS_DUE


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_published_file_passes_in_process(
    file: Path, database_server: Server, record_property: Callable[[str, object], None]
) -> None:
    outcomes = run_file(file, ullage_stage(database_server))
    record_property("conformance", [sum(outcome.passed for outcome in outcomes), len(outcomes)])
    assert failures(outcomes) == []


@pytest.fixture(scope="module")
def served(database_servers: Servers) -> Iterator[Stage]:
    url = database_servers("sqlite").new_ledger_database()
    with UllageServer(url, enforce_new_defaults=False) as server:
        yield served_stage(server)


@pytest.mark.xdist_group("conformance-over-http")
@pytest.mark.parametrize("file", EMPTY_WORLD_FILES, ids=name)
def test_a_file_that_needs_no_world_passes_over_http(file: Path, served: Stage) -> None:
    outcomes = [outcome for outcome in run_file(file, served) if (outcome.file, outcome.test) not in NOT_OVER_HTTP]
    assert failures(outcomes) == []


def failures(outcomes: list[Outcome]) -> list[str]:
    """A line for each test that did not pass."""
    return [f"{outcome.test}: {one_line(outcome.trouble)}" for outcome in outcomes if not outcome.passed]
