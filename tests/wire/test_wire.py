"""Runs the YAML files of this folder on each database, with the published suites' fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.run import one_line
from conformance.running import run_file
from conformance.stage import ullage_stage
from servers import Server

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_ours_passes(file: Path, database_server: Server) -> None:
    outcomes = run_file(file, ullage_stage(database_server))
    assert [f"{each.test}: {one_line(each.trouble)}" for each in outcomes if not each.passed] == []
