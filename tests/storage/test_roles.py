"""The running service needs no more than the role on the page on databases has."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest
import servers
from database_roles import Roles, granted_tables, two_roles
from serving import HEADERS, UllageServer
from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError

from ullage.storage import tables
from ullage.storage.check import breaches
from ullage.storage.dialects import read_url
from ullage.storage.grants import NEEDED
from ullage.storage.trouble import NotAllowed
from ullage.storage.unit import Store

ROWS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
SERVER_NAMES = [name for name in servers.chosen_names() if name != "sqlite"]

pytestmark = pytest.mark.databases("postgresql", "mariadb")


@pytest.fixture
def roles(database_server: servers.Server) -> Iterator[Roles]:
    with two_roles(database_server) as made:
        yield made


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_the_page_grants_every_table_and_no_other(name: str) -> None:
    granted = granted_tables(name)
    assert granted == NEEDED
    assert granted.pop("alembic_version") == {"SELECT"}
    assert granted.pop("audit") == {"SELECT", "INSERT"}  # nobody changes what was told
    assert granted.pop("tokens") == {"SELECT"}  # the service believes them, and makes none
    assert granted == dict.fromkeys(set(tables.metadata.tables) - {"audit", "tokens"}, ROWS)


def test_a_session_of_the_service_runs_under_the_role(roles: Roles) -> None:
    with UllageServer(roles.serve_url) as server, httpx.Client(base_url=server.url, headers=HEADERS) as client:
        live(client)
    store = Store.open(roles.serve_url)
    with store.reading() as connection:
        assert not breaches(connection)
    store.close()


def live(client: httpx.Client) -> None:
    """Write to every table, and take it away again."""
    provider, consumer, aggregate = (str(uuid.uuid4()) for _ in range(3))
    made = client.post("/resource_providers", json={"name": "host", "uuid": provider}).raise_for_status().json()
    client.put("/traits/CUSTOM_FAST").raise_for_status()
    client.put("/resource_classes/CUSTOM_GOLD").raise_for_status()
    at = f"/resource_providers/{provider}"
    body: dict[str, object] = {"resource_provider_generation": made["generation"], "aggregates": [aggregate]}
    generation = client.put(f"{at}/aggregates", json=body).raise_for_status().json()["resource_provider_generation"]
    body = {"resource_provider_generation": generation, "traits": ["CUSTOM_FAST"]}
    generation = client.put(f"{at}/traits", json=body).raise_for_status().json()["resource_provider_generation"]
    body = {"resource_provider_generation": generation, "inventories": {"VCPU": {"total": 8}}}
    client.put(f"{at}/inventories", json=body).raise_for_status()
    body = {"allocations": {provider: {"resources": {"VCPU": 2}}}, "consumer_generation": None}
    body |= {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}
    client.put(f"/allocations/{consumer}", json=body).raise_for_status()
    asked = client.get("/allocation_candidates", params={"resources": "VCPU:6"}).raise_for_status().json()
    assert len(asked["allocation_requests"]) == 1
    for path in (f"/allocations/{consumer}", at, "/traits/CUSTOM_FAST", "/resource_classes/CUSTOM_GOLD"):
        client.delete(path).raise_for_status()


FORBIDDEN = (
    "CREATE TABLE more (id INTEGER)",
    "DROP TABLE traits",
    "UPDATE alembic_version SET version_num = '0'",
    "DELETE FROM audit",
    "UPDATE audit SET hash = ''",
)


def test_the_role_may_not_touch_the_schema_or_rewrite_the_trail(roles: Roles) -> None:
    dialect, url = read_url(roles.serve_url)
    engine = create_engine(url.set(drivername=dialect.driver))
    for statement in FORBIDDEN:
        with engine.connect() as connection, pytest.raises(DBAPIError) as refusal:
            connection.exec_driver_sql(statement)
        assert dialect.is_forbidden(refusal.value)
    with engine.connect() as connection:
        assert connection.scalars(select(tables.traits.c.id).limit(1)).all()
    engine.dispose()


def test_a_role_that_may_not_make_tables_is_told_who_has_to(database_server: servers.Server) -> None:
    with two_roles(database_server, granted=False) as roles:
        store = Store.open(roles.serve_url)
        with pytest.raises(NotAllowed, match="ullage db upgrade"):
            store.upgrade()
        store.close()
