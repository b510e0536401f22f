"""A few thousand random requests are answered by the reference and by Ullage, and what differs is listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Servers
from servers import Server

from differential.asks import Answer, Ask, Peer
from differential.comparing import differences
from differential.driving import Run
from differential.known import KNOWN, recognise
from differential.reference import ReferenceServer
from differential.run import SETTINGS
from differential.sides import ReferenceSide, UllageSide
from differential.world import make_ask

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "differences.md"
SEED = 2026
REQUESTS = 2_500

pytestmark = pytest.mark.xdist_group("differential")


@pytest.fixture(scope="module")
def reference() -> Iterator[ReferenceSide]:
    with ReferenceServer() as server:
        yield ReferenceSide(server)


def test_both_answer_the_same_but_for_what_is_listed(reference: ReferenceSide, database_servers: Servers) -> None:
    report = Run(reference, UllageSide(database_servers("sqlite"), **SETTINGS), SEED).run(REQUESTS)
    assert [str(difference) for difference in report.unknown] == []
    assert report.requests >= REQUESTS
    assert {200, 201, 204, 400, 404, 409} <= report.statuses.keys()


class Forgetful:
    """Ullage, but every second claim is answered and forgotten."""

    def __init__(self, server: Server) -> None:
        self._side = UllageSide(server, **SETTINGS)

    def emptied(self) -> Peer:
        self._peer = self._side.emptied()
        self._claims = 0
        return self

    def send(self, ask: Ask) -> Answer:
        answer = self._peer.send(ask)
        if ask.method == "PUT" and ask.path.startswith("/allocations/") and answer.status == 204:
            self._claims += 1
            if self._claims % 2:
                self._peer.send(make_ask("DELETE", ask.path, 39))
        return answer

    def close(self) -> None:
        self._peer.close()


def test_a_service_that_forgets_claims_is_found_out(reference: ReferenceSide, database_servers: Servers) -> None:
    assert Run(reference, Forgetful(database_servers("sqlite")), SEED).run(300).unknown


GOOD = Answer(200, {"content-type": "application/json"}, b'{"traits": ["A", "B"], "generation": 1}')


@pytest.mark.parametrize(
    "other",
    [
        replace(GOOD, status=201),
        replace(GOOD, body=b'{"traits": ["A", "B"], "generation": 2}'),
        replace(GOOD, body=b'{"traits": ["A", "B", "B"], "generation": 1}'),
        replace(GOOD, headers=GOOD.headers | {"vary": "openstack-api-version"}),
        replace(GOOD, headers=GOOD.headers | {"location": "http://x/traits/A"}),
        replace(GOOD, headers=GOOD.headers | {"last-modified": "Tue, 24 Nov 2026 06:00:00 GMT"}),
    ],
)
def test_what_a_client_could_see_is_a_difference(other: Answer) -> None:
    assert differences(make_ask("GET", "/x", 39), GOOD, other)


def test_the_order_of_a_list_is_none() -> None:
    other = replace(GOOD, body=b'{"generation": 1, "traits": ["B", "A"]}')
    assert differences(make_ask("GET", "/x", 39), GOOD, other) == []


def test_an_error_of_ours_is_never_listed() -> None:
    refused = Answer(400, {"content-type": "application/json"}, b'{"errors": [{"status": 400, "detail": "no"}]}')
    for path in ("/reshaper", "/allocation_candidates?resources=VCPU:1", "/resource_providers/A", "/traits?name=x:y"):
        assert recognise(make_ask("GET", path, 39), refused, replace(refused, status=500)) is None


def test_every_difference_that_the_tool_knows_has_a_row() -> None:
    assert {known.slug for known in KNOWN} <= set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.read_text(), re.MULTILINE))


def test_every_row_names_a_test_that_is_there() -> None:
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for row in rows:
        paths = re.findall(r"`(tests/[^`]+)`", row[-2])
        assert paths, f"{row[1]} names no test"
        assert [path for path in paths if not (ROOT / path).exists()] == []
