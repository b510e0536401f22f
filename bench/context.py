"""What a kind of row is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import databases, load
from bench.arena import Arena, Place
from bench.databases import Postgresql
from bench.pace import Pace
from bench.results import Figures, Result
from bench.row import Row, number_of


@dataclass
class Context:
    """A run: its place, its pace, and what pgbench reached in it."""

    place: Place
    pace: Pace
    tell: Callable[[str], None] = print
    transactions: dict[int, float] = field(default_factory=dict)
    """pgbench's transactions a second, by clients."""
    _is_pgbench_filled: bool = False

    def arena(self, row: Row) -> Arena:
        """The row's world in its database."""
        return self.place.arena(row.world, row.database)

    def pgbench(self, clients: int) -> Figures:
        """The floor of claims: TPC-B's rate on this run's PostgreSQL with as many clients, measured once."""
        if clients not in self.transactions:
            programs = self._programs()
            if not self._is_pgbench_filled:
                load.fill_pgbench(self.place.pgbench, programs)
                self._is_pgbench_filled = True
                databases.flush(self.place.pgbench)
            self.transactions[clients] = load.pgbench(self.place.pgbench, programs, clients, self.pace.pgbench)
            databases.flush(self.place.pgbench)
        what = f"pgbench, TPC-B, {number_of(clients, 'client')}, PostgreSQL"
        return {"value": self.transactions[clients], "what": what}

    def _programs(self) -> Path:
        server = self.place.server("postgresql")
        if not isinstance(server, Postgresql):
            raise TypeError("no PostgreSQL")
        return server.programs


Kind = Callable[[Context, Row, Result], None]
"""Measures a row and fills its result in; what is in the result when it raises is kept."""
