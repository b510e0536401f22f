"""Worlds written straight into the reference's database: some of what they hold no request could bring about."""

from __future__ import annotations

import sqlite3

from worlds import AGGREGATES, TRAITS, Place, World, uuid_of

from differential.reference import ReferenceServer

CONSUMER = "11111111-2222-4333-8444-555555555555"


class SeededReference(ReferenceServer):
    """A reference whose database holds exactly one world."""

    def seed(self, world: World) -> None:
        """Replace everything by this world."""
        self.empty()
        with self._database() as database:
            _insert_catalogue(database)
            for key, place in enumerate(world.places, 1):
                _insert_provider(database, world, key, place)
                _insert_labels(database, key, place)
                _insert_stocks(database, key, place)


def _insert_catalogue(database: sqlite3.Connection) -> None:
    """The traits and aggregates of all worlds, and one consumer to hold what is used."""
    database.executemany("INSERT INTO traits (name) VALUES (?)", [(name,) for name in TRAITS])
    database.executemany(
        "INSERT INTO placement_aggregates (id, uuid) VALUES (?, ?)",
        [(key, uuid_of(name)) for key, name in enumerate(AGGREGATES, 1)],
    )
    database.execute("INSERT INTO projects (id, external_id) VALUES (1, 'project')")
    database.execute("INSERT INTO users (id, external_id) VALUES (1, 'user')")
    database.execute("INSERT INTO consumers (uuid, project_id, user_id, generation) VALUES (?, 1, 1, 1)", (CONSUMER,))


def _insert_provider(database: sqlite3.Connection, world: World, key: int, place: Place) -> None:
    keys = {each.name: number for number, each in enumerate(world.places, 1)}
    parent = None if place.parent is None else keys[place.parent]
    database.execute(
        "INSERT INTO resource_providers (id, uuid, name, generation, root_provider_id, parent_provider_id)"
        " VALUES (?, ?, ?, 0, ?, ?)",
        (key, uuid_of(place.name), place.name, keys[world.root(place.name)], parent),
    )


def _insert_labels(database: sqlite3.Connection, key: int, place: Place) -> None:
    database.executemany(
        "INSERT INTO resource_provider_traits (resource_provider_id, trait_id) SELECT ?, id FROM traits WHERE name = ?",
        [(key, name) for name in place.traits],
    )
    database.executemany(
        "INSERT INTO resource_provider_aggregates (resource_provider_id, aggregate_id) VALUES (?, ?)",
        [(key, AGGREGATES.index(name) + 1) for name in place.aggregates],
    )


def _insert_stocks(database: sqlite3.Connection, key: int, place: Place) -> None:
    for name, (offered, used) in place.stocks.items():
        numbers = (offered.total, offered.reserved, offered.min_unit, offered.max_unit, offered.step_size)
        database.execute(
            "INSERT INTO inventories (resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit,"
            " step_size, allocation_ratio) SELECT ?, id, ?, ?, ?, ?, ?, ? FROM resource_classes WHERE name = ?",
            (key, *numbers, offered.allocation_ratio, name),
        )
        if used:
            database.execute(
                "INSERT INTO allocations (resource_provider_id, consumer_id, used, resource_class_id)"
                " SELECT ?, ?, ?, id FROM resource_classes WHERE name = ?",
                (key, CONSUMER, used, name),
            )
