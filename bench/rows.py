"""Every row that can be measured. To add one: an entry here; a new kind also needs its function in `run.KINDS`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from bench.row import CLIENTS, DATABASES, NAMES, WORKERS, Goal, Row, number_of
from bench.worlds import aggregate_uuid, provider_count

LARGE = 100_000
"""Providers of a world that takes long to load."""


def candidates(limit: int | None, words: Mapping[str, str]) -> str:
    """The path of a question for allocation candidates."""
    asked = {**words, **({} if limit is None else {"limit": str(limit)})}
    return "/allocation_candidates?" + urlencode(asked, safe=":,")


USUAL = {"resources": "VCPU:1,DISK_GB:10,MEMORY_MB:256"}
LABELLED = {**USUAL, "member_of": aggregate_uuid("hall"), "required": "HW_CPU_X86_AVX2"}
FLAT = candidates(10, LABELLED)
"""Every host of a flat fleet is in the aggregate and has the trait: what narrows nothing costs most."""


def groups(count: int, resources: str, limit: int, policy: str = "none", more: Mapping[str, str] | None = None) -> str:
    """A question of so many granular groups that ask alike."""
    asked = {f"resources{number}": resources for number in range(1, count + 1)}
    return candidates(limit, {**(more or {}), **asked, "group_policy": policy})


def _search(name: str, shape: str, title: str, world: str, path: str, **more: Any) -> Row:
    return Row(name, "question", "Search", shape, title, world, path=path, **more)


def _flat() -> Iterator[Row]:
    for count, must, aim in ((1_000, 3, 1), (10_000, 5, 2), (100_000, 15, 6)):
        title = f"{count:,} providers, limit 10"
        goal, quick = Goal(must, aim), count <= 10_000
        yield _search(
            f"flat-{count}", f"flat {count}", title, f"flat-{count}", FLAT, goal=goal, is_quick=quick, seconds=400.0
        )
        if quick:
            world, more = f"flat-{count}", f"{title}, SQLite"
            yield _search(f"flat-{count}-sqlite", f"flat {count}", more, world, FLAT, goal=goal, database="sqlite")
    yield _search(
        "flat-1000000",
        "flat 1000000",
        "1,000,000 providers, limit 10, SQLite",
        "flat-1000000",
        FLAT,
        database="sqlite",
        goal=Goal(100, 40),
        has_reference=False,
        stands_for="flat-100000",
        seconds=900.0,
    )


def _questions() -> Iterator[Row]:
    world = "flat-10000"
    usual = candidates(None, LABELLED)
    title = "10,000 providers, no limit: 10,000 candidates"
    yield _search("flat-10000-all", "unlimited", title, world, usual, goal=Goal(100, 40), is_quick=True)
    thousand = candidates(1_000, LABELLED)
    yield _search("flat-10000-limit-1000", "1,000 candidates", "10,000 providers, limit 1,000", world, thousand)
    none = candidates(None, {"resources": "VCPU:1,MEMORY_MB:262144"})
    yield _search("flat-10000-none", "none fits", "10,000 providers, none fits", world, none, is_quick=True)
    title = "10,000 providers, 95 % full, limit 10"
    yield _search("full-10000", "95 % full", title, "full-10000", FLAT)
    title = "10,000 hosts with the disks of 100 sharing providers, limit 10"
    yield _search("sharing-10000", "sharing storage", title, "sharing-10000", candidates(10, USUAL))
    split = candidates(10, {"resources": "VCPU:1,MEMORY_MB:256,DISK_GB:5"})
    title = "1,000 NUMA trees of 7, split over nodes, limit 10"
    yield _search("numa-split", "NUMA trees", title, "numa-1000", split, goal=Goal(15, 5), is_quick=True)
    granular = groups(2, "VCPU:1,MEMORY_MB:256", 10, "isolate", {"resources": "DISK_GB:5"})
    title = "1,000 NUMA trees of 7, granular, isolated, limit 10"
    yield _search("numa-granular", "NUMA trees", title, "numa-1000", granular, goal=Goal(15, 5), is_quick=True)


def _wide() -> Iterator[Row]:
    for count in range(1, 9):
        title = f"wide tree: 8 one-unit children, {number_of(count, 'group')}, limit 10"
        path, goal = groups(count, "VGPU:1", 10), Goal(10, 3) if count == 5 else None
        quick = count == 5
        yield _search(f"wide-8-groups-{count}", "wide 8", title, "wide-8", path, goal=goal, is_quick=quick)
    title = "wide tree: 64 one-unit children, 64 groups, limit 1,000"
    path = groups(64, "VGPU:1", 1_000)
    yield _search("wide-64-groups-64", "wide 64", title, "wide-64", path, goal=Goal(150, 50), is_quick=True)


def _list() -> Iterator[Row]:
    path = "/resource_providers"
    title = "list of 100,000 providers"
    yield _search("list-100000", "listing", title, "flat-100000", path, seconds=400.0)


def _claims() -> Iterator[Row]:
    section, world = "Claims", "roomy-1000"
    goals: dict[tuple[str, int], Goal] = {("sqlite", 16): Goal(1_500, 3_000), ("sqlite", 64): Goal(3_000, 6_000)}
    for database in ("postgresql", "mariadb"):
        goals |= {(database, 16): Goal(0.6, 1.2, "floor"), (database, 64): Goal(1.0, 2.0, "floor")}
    for database in ("postgresql", "mariadb", "sqlite"):
        common: dict[str, Any] = {"database": database, "world": world, "unit": "claims/s"}
        for clients in CLIENTS:
            workers = WORKERS.get((database, clients), 1)
            yield Row(
                f"claims-{database}-{clients}",
                "claims",
                section,
                f"spread {clients}",
                f"{NAMES[database]}, {number_of(clients, 'client')}, {number_of(workers, 'worker')}",
                clients=clients,
                workers=workers,
                goal=goals.get((database, clients)),
                is_quick=clients >= 16,
                **common,
            )
        yield Row(
            f"claims-{database}-hot",
            "claims",
            section,
            "hot provider",
            f"{NAMES[database]}, 64 clients, {number_of(workers, 'worker')}, all from one provider",
            clients=64,
            workers=workers,
            goal=Goal(0.5, None, f"claims-{database}-64"),
            is_quick=database == "postgresql",
            **common,
        )
    title = "MariaDB, 16 clients, 10 consumers in each POST"
    yield Row("several", "several", section, "multi-consumer", title, world, unit="claims/s", clients=16)


def _together() -> Iterator[Row]:
    section = "Searches and claims together"
    for count in (1_000, 10_000):
        yield Row(
            f"mixed-{count}",
            "mixed",
            section,
            "mixed",
            f"{count:,} providers, 16 clients, 90 % searches, 10 % claims",
            f"flat-{count}",
            unit="requests/s",
            path=FLAT,
            clients=16,
            is_quick=count == 1_000,
        )
    for clients, name, title in (
        (0, "lone-claim", "10,000 providers, one claim after the other"),
        (4, "lone-claim-busy", "the same beside 4 clients that search, in the same worker"),
    ):
        yield Row(name, "lone", section, "lone claim", title, "flat-10000", path=FLAT, clients=clients, is_quick=True)


def _fresh() -> Iterator[Row]:
    """Searches beside claims at full rate: in the worker that decides the claims, and in one on another host."""
    for count, must, aim in ((10_000, 5, 2), (100_000, 15, 6)):
        for database in ("sqlite", "postgresql"):
            searched = f"{count:,} providers, limit 10, {NAMES[database]}, beside 16 clients that claim"
            for name, hosts, where in (("beside", 1, "in the same worker"), ("fresh", 2, "through another host")):
                yield Row(
                    f"{name}-{count}-{database}",
                    "fresh",
                    "Searches and claims together",
                    "freshness",
                    f"{searched} {where}",
                    f"flat-{count}",
                    database,
                    path=FLAT,
                    clients=16,
                    hosts=hosts,
                    goal=Goal(must, aim),
                    has_reference=hosts == 1,
                    stands_for=f"beside-{count}-{database}",
                    is_quick=hosts == 2 and count == 10_000 and database == "sqlite",
                    seconds=400.0,
                )


def _hurting() -> Iterator[Row]:
    """Honest clients beside one user who asks what takes longest; see `beside.QUESTIONS`."""
    for workers in (1, 2):
        yield Row(
            f"hostile-workers-{workers}",
            "hostile",
            "Searches and claims together",
            "hostile searches",
            f"10,000 providers, limit 10, SQLite, {number_of(workers, 'worker')}, beside 16 hostile clients",
            "hostile-10000",
            "sqlite",
            path=FLAT,
            clients=16,
            workers=workers,
            has_reference=False,
            seconds=90.0,
        )


def _setting_up() -> Iterator[Row]:
    section = "Setting up and loading"
    yield Row(
        "set-up",
        "set up",
        section,
        "provider set-up",
        "providers through the API, MariaDB, 16 clients, 2 workers",
        "empty-0",
        unit="writes/s",
        clients=16,
        workers=2,
        goal=Goal(20, 50, "reference"),
        is_quick=True,
    )
    for count in (10_000, 100_000):
        for database in DATABASES:
            yield Row(
                f"load-{count}-{database}",
                "load",
                section,
                "bulk load",
                f"`ullage load` of {count:,} providers, {NAMES[database]}",
                f"flat-{count}",
                database,
                "s",
                goal=Goal(5) if count == 10_000 else None,
                has_reference=False,
                is_quick=count == 10_000 and database != "postgresql",
                seconds=400.0,
            )


def _asking() -> Iterator[Row]:
    for scheme in ("tokens", "noauth2"):
        yield Row(
            f"identity-{scheme}",
            "identity",
            "Who asks",
            "identity and policy",
            f"who asks and whether they may, as each request finds out, {scheme}",
            "empty-0",
            "sqlite",
            "us",
            goal=Goal(150, 20),
            has_reference=False,
            is_quick=True,
        )


def _starting() -> Iterator[Row]:
    section = "Start and memory"
    for database, must in (("mariadb", 15), ("sqlite", 5), ("postgresql", 5)):
        yield Row(
            f"start-100000-{database}",
            "start",
            section,
            "cold start",
            f"start to first search, 100,000 providers, {NAMES[database]}",
            "flat-100000",
            database,
            "s",
            FLAT,
            goal=Goal(must),
            seconds=400.0,
        )
    for count, database, goal in ((100_000, "mariadb", None), (1_000_000, "sqlite", Goal(1_536))):
        yield Row(
            f"memory-{count}",
            "memory",
            section,
            "memory",
            f"most memory of a worker, {count:,} providers, {NAMES[database]}",
            f"flat-{count}",
            database,
            "MiB",
            FLAT,
            goal=goal,
            has_reference=goal is None,
            seconds=900.0,
        )


def _workers() -> Iterator[Row]:
    """One worker, two on one host, and two hosts with one each, over the same database."""
    section = "More workers and hosts"
    for database in ("mariadb", "postgresql"):
        for name, more in _forms():
            yield Row(
                f"searches-{database}-{name}",
                "searches",
                section,
                "scale-out" if more["hosts"] == 1 else "several hosts",
                f"searches, 10,000 providers, {NAMES[database]}, 16 clients, {_said(**more)}",
                "flat-10000",
                database,
                "searches/s",
                FLAT,
                16,
                has_reference=(database, name) == ("mariadb", "workers-1"),
                stands_for="searches-mariadb-workers-1",
                **more,
            )
    for database in ("postgresql", "mariadb", "sqlite"):
        for name, more in _forms():
            yield Row(
                f"claims-{database}-{name}",
                "claims",
                section,
                "scale-out" if more["hosts"] == 1 else "several hosts",
                f"claims, {NAMES[database]}, 64 clients, {_said(**more)}",
                "roomy-1000",
                database,
                "claims/s",
                clients=64,
                has_reference=False,
                stands_for=f"claims-{database}-64",
                **more,
            )


def _forms() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, hosts, workers in (("workers-1", 1, 1), ("workers-2", 1, 2), ("hosts-2", 2, 1)):
        yield name, {"hosts": hosts, "workers": workers}


def _said(hosts: int, workers: int) -> str:
    return f"{number_of(hosts, 'host')} with {number_of(workers, 'worker')}{' each' if hosts > 1 else ''}"


ROWS: tuple[Row, ...] = (
    *_flat(),
    *_questions(),
    *_wide(),
    *_list(),
    *_claims(),
    *_together(),
    *_fresh(),
    *_hurting(),
    *_setting_up(),
    *_starting(),
    *_asking(),
    *_workers(),
)
"""In the order of the table."""


def in_order_of_arenas(rows: list[Row]) -> list[Row]:
    """The same rows, those on one world in one database together; loading first, for it is what makes the arena.

    The largest worlds come last: if the time is up before the end, one of them is what it did not suffice for.
    """
    places = list(dict.fromkeys((row.world, row.database) for row in rows))

    def place(row: Row) -> tuple[int, int, bool]:
        count = provider_count(row.world)
        large = count if count >= LARGE else 0
        return large, places.index((row.world, row.database)), row.kind != "load"

    return sorted(rows, key=place)
