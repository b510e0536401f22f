"""What a row is: one thing to measure, what it is called, and what the design asks of it."""

from __future__ import annotations

from dataclasses import dataclass

DATABASES = ("sqlite", "postgresql", "mariadb")
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
CLIENTS = (1, 4, 16, 64)
WORKERS = {(name, 64): 2 for name in DATABASES} | {("postgresql", 16): 2, ("mariadb", 16): 2}
"""By database and clients that claim: as many workers as there are cores, where that serves better than one."""
SECTIONS = (
    "Search",
    "Claims",
    "Searches and claims together",
    "Setting up and loading",
    "Start and memory",
    "Who asks",
    "More workers and hosts",
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What the design says Ullage must reach and aims at: figures, or multiples of the figure of `of`."""

    must: float
    aim: float | None = None
    of: str = ""
    """Empty, "floor", "reference", or the name of another row whose figure for Ullage is meant."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to measure on one world in one database."""

    name: str
    kind: str
    section: str
    shape: str
    """Which shape of the design this is an instance of."""
    title: str
    world: str
    database: str = "mariadb"
    unit: str = "ms"
    path: str = ""
    """The question, if there is one."""
    clients: int = 1
    workers: int = 1
    """Ullage's on each host; the reference always has 2 processes with 4 threads each."""
    hosts: int = 1
    """So many times `ullage serve`, over the one database."""
    goal: Goal | None = None
    has_reference: bool = True
    stands_for: str = ""
    """Without a reference: the row whose outcome for the reference holds here all the more."""
    is_quick: bool = False
    seconds: float = 200.0
    """After so many a row is given up, loading and starting included."""


def number_of(count: int, thing: str) -> str:
    """Such as "1 client" and "4 clients"."""
    return f"{count:,} {thing}{'s' if count > 1 else ''}"
