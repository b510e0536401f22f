"""Hosts that start closed on one new database at the same time make one first token between them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from held import held, wait_until
from serving import UllageServer
from statements import recorded

from ullage.model.origin import Origin
from ullage.model.token import digest
from ullage.storage import tokens
from ullage.storage.audit.verify import faults
from ullage.storage.unit import Store

ROOT = Origin("root", remote="ullage serve on host1")


def create_first(store: Store) -> str | None:
    return tokens.create_first(store, ROOT, "admin", frozenset({"admin"}), 17)


def test_a_second_host_waits_for_the_first_to_make_it_and_makes_none(store: Store, database_url: str) -> None:
    other = Store.open(database_url)
    gate = "SELECT tokens" if store.dialect.name == "sqlite" else "UPDATE horizon"  # SQLite's turn is no statement
    with held(store, "INSERT INTO tokens") as hold, recorded(other) as statements, ThreadPoolExecutor(2) as pool:
        one = pool.submit(create_first, store)
        hold.wait()
        two = pool.submit(create_first, other)
        wait_until(lambda: two.done() or any(each.startswith(gate) for each in statements))
        hold.release()
        texts = [one.result(), two.result()]
    other.close()
    assert texts[1] is None
    with store.reading() as connection:
        (made,) = tokens.every(connection)
        assert tokens.find(connection, digest(texts[0] or "")) == made
        assert faults(connection) == []


def start_and_stop(service: UllageServer) -> None:
    with service:
        pass


def test_services_that_start_closed_at_once_print_one_token(blank_database_url: str) -> None:
    services = [UllageServer(blank_database_url, auth="") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(start_and_stop, services))
    printed = "".join(each.finished_log for each in services)
    (text,) = re.findall(r"^    (ullage_\S+)$", printed, re.MULTILINE)
    store = Store.open(blank_database_url)
    with store.reading() as connection:
        (made,) = tokens.every(connection)
        assert tokens.find(connection, digest(text)) == made
        assert faults(connection) == []
    store.close()
