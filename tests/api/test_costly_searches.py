"""What the wire says of a search that takes more work than one may."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from api.client import UUID, Client
from ullage.api.app import App
from ullage.api.routes import ROUTES
from ullage.engine.effort import Effort
from ullage.operations import candidates
from ullage.settings import Settings
from ullage.wiring import build_service


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    settings = Settings(database=database_url, auth="noauth2")
    service = build_service(settings)
    yield Client(App(service, settings, ROUTES))
    service.committer.stop()
    service.store.close()


def test_the_setting_is_the_budget(database_url: str) -> None:
    service = build_service(Settings(database=database_url, search_work_max=1234))
    assert service.search_options.work_max == 1234
    service.store.close()


def eight_children(client: Client) -> None:
    """A provider above eight with one VGPU each."""
    client.provider(VCPU=4)
    for number in range(1, 9):
        child = f"{number}fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
        body = {"name": child, "uuid": child, "parent_provider_uuid": UUID}
        client.do("POST", "/resource_providers", body)
        inventory = {"resource_class": "VGPU", "total": 1}
        client.do("POST", f"/resource_providers/{child}/inventories", inventory)


@pytest.mark.parametrize("policy", ["isolate", "none"])
def test_more_groups_than_a_tree_has_room_for_are_an_empty_answer_of_little_work(
    client: Client, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    eight_children(client)
    monkeypatch.setattr(candidates, "Effort", lambda _: Effort(300))
    for count, answers in ((9, 0), (8, 1)):
        groups = "&".join(f"resources{number}=VGPU:1" for number in range(count))
        response = client.ask("GET", f"/allocation_candidates?{groups}&group_policy={policy}&limit=1")
        assert response.status == 200
        assert len(json.loads(response.body)["allocation_requests"]) == answers


def test_a_search_that_gives_up_says_what_to_narrow(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    eight_children(client)
    groups = "&".join(f"resources{number}=VGPU:1" for number in range(6))
    assert client.do("GET", f"/allocation_candidates?{groups}&group_policy=none&limit=1").status == 200
    monkeypatch.setattr(candidates, "Effort", lambda most: Effort(min(most, 1)))
    response = client.ask("GET", f"/allocation_candidates?{groups}&group_policy=none&limit=1000")
    assert response.status == 400
    detail = json.loads(response.body)["errors"][0]["detail"]
    assert "fewer request groups at once than 6" in detail
    assert "`limit`" not in detail
    unlimited = client.ask("GET", f"/allocation_candidates?{groups}&group_policy=none")
    assert "give a `limit`" in json.loads(unlimited.body)["errors"][0]["detail"]
