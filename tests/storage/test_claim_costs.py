"""What claims cost the database: a handful of statements and round trips, for one claim as for many at once."""

from __future__ import annotations

from typing import Any

import pytest
from ledger.scenes import claim, replace, uuid_of
from pymysql.connections import Connection as DriverConnection
from statements import counting, recorded

from ullage.model.commands import (
    Command,
    CreateProvider,
    EnsureTrait,
    ReleaseConsumer,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
)
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage.committer import Committer
from ullage.storage.postgresql_ahead import Ahead
from ullage.storage.unit import Store

STATEMENTS_MAX = {"sqlite": 11, "postgresql": 11, "mariadb": 11}
"""With BEGIN, what is told to searches and the row of the audit trail; the commit is the driver's. PostgreSQL and
MariaDB lock, which SQLite does as it begins."""
HELD_STATEMENTS_MAX = 14
"""Consumers that hold something are locked and read, too."""
WAITS_MAX = 4
"""Of a server: for what was found, for what was locked and read, for the counts, for the commit."""

HOSTS = [uuid_of(f"h{number}") for number in range(32)]


def wanted(name: str, host: int, amount: int = 1, generation: int | None = None) -> Command:
    resources = {"VCPU": amount, "DISK_GB": amount}
    return replace(claim(name, {f"h{host}": resources}, generation=generation))


@pytest.fixture(autouse=True)
def hosts(committer: Committer) -> None:
    offered = {"VCPU": Inventory(1_000), "DISK_GB": Inventory(1_000), "MEMORY_MB": Inventory(1_000)}
    commands: list[Command] = [CreateProvider(uuid, uuid, None, offered) for uuid in HOSTS]
    run(committer, [*commands, wanted("before", 0)])


def run(committer: Committer, commands: list[Command]) -> None:
    assert not [outcome for outcome in committer.run_all(commands) if isinstance(outcome, Refusal)]


def test_many_claims_take_as_many_statements_as_one(store: Store, committer: Committer) -> None:
    with recorded(store) as one:
        run(committer, [wanted("x", 1)])
    with recorded(store) as many:
        run(committer, [wanted(f"x{number}", number) for number in range(32)])
    assert len(many) == len(one) <= STATEMENTS_MAX[store.dialect.name]


@pytest.mark.databases("mariadb")
def test_no_batch_takes_mariadb_a_table_on_disk(store: Store, committer: Committer) -> None:
    before = tables_on_disk(store)
    run(committer, [wanted(f"x{number}", number) for number in range(32)])
    run(committer, [wanted(f"x{number}", number, 2, generation=1) for number in range(32)])
    run(committer, [ReleaseConsumer(uuid_of(f"x{number}")) for number in range(32)])
    assert tables_on_disk(store) == before


@pytest.mark.databases("mariadb")
def test_no_batch_reads_what_other_providers_have(store: Store, committer: Committer) -> None:
    """On tables that had just been filled, it read all that any provider had of the labels that these have, too."""
    labels = frozenset({"CUSTOM_A", "CUSTOM_B"}), frozenset({uuid_of("agg1"), uuid_of("agg2")})
    others = [uuid_of(f"o{number}") for number in range(500)]
    run(committer, [EnsureTrait(name) for name in labels[0]])
    run(committer, [CreateProvider(uuid, uuid, None, {}, *labels) for uuid in others])
    before = rows_read(store)
    run(committer, [SetProviderTraits(uuid, 0, labels[0]) for uuid in HOSTS[1:9]])
    run(committer, [SetProviderAggregates(uuid, 1, labels[1]) for uuid in HOSTS[1:9]])
    assert rows_read(store) - before < 2 * len(others)  # as many labels as they have of each kind


def rows_read(store: Store) -> int:
    """How many rows the committer's connection has read."""
    with store.writing() as connection:
        counts = connection.exec_driver_sql("SHOW SESSION STATUS WHERE Variable_name RLIKE '^Handler_read'").all()
    return sum(int(count) for _, count in counts)


def tables_on_disk(store: Store) -> int:
    """How many temporary tables the committer's connection, which is the only one that writes, has made there."""
    with store.writing() as connection:
        row = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Created_tmp_disk_tables'").one()
    return int(row[1])


@pytest.mark.parametrize("size", [1, 32])
def test_changes_and_releases_of_what_is_held_take_three_more(store: Store, committer: Committer, size: int) -> None:
    run(committer, [wanted(f"x{number}", number) for number in range(size)])
    with recorded(store) as changes:
        run(committer, [wanted(f"x{number}", number, 2, generation=1) for number in range(size)])
    with recorded(store) as releases:
        run(committer, [ReleaseConsumer(uuid_of(f"x{number}")) for number in range(size)])
    assert len(changes) <= HELD_STATEMENTS_MAX
    assert len(releases) <= HELD_STATEMENTS_MAX


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("size", [1, 32])
def test_a_batch_waits_for_the_server_a_few_times_only(
    committer: Committer, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """What is sent ahead is flushed when somebody asks for an answer, and synced in the end."""
    waits: list[str] = []
    for name in ("_flush", "end"):
        monkeypatch.setattr(Ahead, name, counting(getattr(Ahead, name), waits))
    run(committer, [wanted(f"y{number}", number) for number in range(size)])
    assert waits[-1] == "end"
    assert len(waits) <= WAITS_MAX


@pytest.mark.databases("mariadb")
@pytest.mark.parametrize("size", [1, 32])
def test_a_batch_is_a_few_requests(committer: Committer, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    requests = []
    driver: Any = DriverConnection
    send = driver._execute_command

    def counted(connection: Any, command: int, text: Any) -> None:
        requests.append(text)
        send(connection, command, text)

    monkeypatch.setattr(driver, "_execute_command", counted)
    run(committer, [wanted(f"m{number}", number) for number in range(size)])
    assert len(requests) <= WAITS_MAX


def test_a_refused_claim_writes_nothing(store: Store, committer: Committer) -> None:
    with recorded(store) as statements:
        (outcome,) = committer.run_all([wanted("z", 1, 5_000)])
    assert isinstance(outcome, Refusal)
    assert not [each for each in statements if each.startswith(("INSERT", "DELETE", "UPDATE inv", "UPDATE prov"))]


def test_a_claim_locks_and_reads_only_what_it_names(store: Store, committer: Committer) -> None:
    run(committer, [SetInventories(HOSTS[3], 0, {"VCPU": Inventory(7)})])
    with recorded(store) as statements:
        run(committer, [wanted("w", 5)])
    assert not [each for each in statements if "traits" in each or "aggregates" in each]
