"""Fixtures that every suite may use: fresh databases, on each kind of server that the run is for."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import planted
import pytest
import servers

from ullage.storage.unit import Store

Servers = Callable[[str], servers.Server]


def pytest_configure(config: pytest.Config) -> None:
    logging.getLogger().addHandler(planted.GREP)
    logging.getLogger("ullage").setLevel(logging.INFO)
    config.addinivalue_line("markers", "databases(*names): the test is about these databases and leaves out the others")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the run is not for. Nothing is skipped: a missing server is a failure."""
    left_out = [item for item in items if not _concerns(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """No test may end with a planted secret in a log."""
    planted.GREP.require_none()


def _concerns(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("databases")
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return marker is None or parameters.get("database_name") in (None, *marker.args)


def pytest_terminal_summary(terminalreporter: Any) -> None:  # pytest's class of this is private
    """End with the score of the published suites, if the run had any of them."""
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, ())]
    scores = [value for report in reports for key, value in report.user_properties if key == "conformance"]
    if scores:
        passed, total = (sum(score[place] for score in scores) for place in (0, 1))
        terminalreporter.write_line(f"CONFORMANCE {passed}/{total}")


@pytest.fixture(scope="session")
def database_servers() -> Iterator[Servers]:
    """Servers by name; each starts when it is first asked for and ends with the run."""
    with contextlib.ExitStack() as stack:
        started: dict[str, servers.Server] = {}

        def server(name: str) -> servers.Server:
            if name not in started:
                started[name] = stack.enter_context(servers.running(name))
            return started[name]

        yield server


@pytest.fixture(params=servers.chosen_names())
def database_name(request: pytest.FixtureRequest) -> str:
    """Each database of the run: "sqlite", "postgresql", "mariadb"."""
    name: str = request.param
    return name


@pytest.fixture
def database_server(database_name: str, database_servers: Servers) -> servers.Server:
    """The server to make more databases in."""
    return database_servers(database_name)


@pytest.fixture
def blank_database_url(database_server: servers.Server) -> Iterator[str]:
    """A database without any table."""
    url = database_server.new_database()
    yield url
    database_server.drop_database(url)


@pytest.fixture
def database_url(database_server: servers.Server) -> Iterator[str]:
    """A database with the schema and the standard names, and nothing else."""
    url = database_server.new_ledger_database()
    yield url
    database_server.drop_database(url)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store on `database_url`."""
    store = Store.open(database_url)
    yield store
    store.close()
