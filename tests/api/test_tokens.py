"""API tokens as the service believes them: by heart for a while, and not one moment longer."""

from __future__ import annotations

import httpx
import planted
import pytest
from serving import UllageServer

from ullage.api.auth import NotIdentified
from ullage.api.auth.remembered import Remembered
from ullage.api.auth.tokens import UNKNOWN_MAX, Tokens
from ullage.api.http import Identity, Request, WouldWait
from ullage.model.origin import NOBODY
from ullage.model.token import PREFIX, ApiToken, digest
from ullage.redaction import HIDDEN, clean
from ullage.storage import tokens
from ullage.storage.unit import Store

TEXT = PREFIX + "A" * 43
OTHER = PREFIX + "B" * 43
ALICE = Identity("alice", "blue", frozenset({"reader"}))
FOREVER_US = 2**60


def asking(**headers: str) -> Request:
    return Request("GET", b"/", b"", {name.replace("_", "-"): value for name, value in headers.items()})


class Stand:
    """A scheme with a table and clocks of its own."""

    def __init__(self) -> None:
        self.table = {digest(TEXT): ApiToken(1, "alice", "blue", ALICE.roles, 0, FOREVER_US)}
        self.seconds = 0.0
        self.now = 1000.0
        self.reads = 0
        self.scheme = Tokens(self.find, 5, lambda: self.seconds, lambda: self.now)

    def find(self, its_digest: str) -> ApiToken | None:
        self.reads += 1
        return self.table.get(its_digest)

    def who(self, token: str = TEXT, *, may_wait: bool = True) -> Identity | None:
        return self.scheme.identify(asking(x_auth_token=token), may_wait)


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_what_is_known_by_heart_is_not_read_again(stand: Stand) -> None:
    assert [stand.who(), stand.who(), stand.who(may_wait=False)] == [ALICE] * 3
    assert stand.reads == 1


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {TEXT}"}, {"authorization": f"bearer  {TEXT}"}, {"x-auth-token": TEXT}],
)
def test_a_token_comes_in_either_header(stand: Stand, headers: dict[str, str]) -> None:
    assert stand.scheme.identify(asking(**headers), may_wait=True) == ALICE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-auth-token": "admin"},
        {"x-auth-token": "gAAAAAB"},
        {"authorization": f"Basic {TEXT}"},
        {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"authorization": TEXT},
        {"x-auth-token": "gAAAAAB", "authorization": f"Bearer {TEXT}"},
    ],
)
def test_what_is_no_token_of_ours_is_left_to_others(stand: Stand, headers: dict[str, str]) -> None:
    assert stand.scheme.identify(asking(**headers), may_wait=False) is None
    assert stand.reads == 0


@pytest.mark.parametrize("text", [PREFIX, TEXT[:-1], TEXT + "A", TEXT[:-1] + "=", TEXT[:-1] + "é", TEXT + "\n"])
def test_what_cannot_be_a_token_is_refused_without_a_look(stand: Stand, text: str) -> None:
    with pytest.raises(NotIdentified):
        stand.who(text, may_wait=False)
    assert stand.reads == 0


def test_the_event_loop_reads_nothing(stand: Stand) -> None:
    for text in (TEXT, OTHER):
        with pytest.raises(WouldWait):
            stand.who(text, may_wait=False)
    assert stand.reads == 0


def test_a_revoked_token_holds_for_so_many_seconds_and_no_longer(stand: Stand) -> None:
    assert stand.who() == ALICE
    stand.table.clear()
    stand.seconds = 4.9
    assert stand.who() == ALICE
    stand.seconds = 5.0
    with pytest.raises(WouldWait):
        stand.who(may_wait=False)
    with pytest.raises(NotIdentified):
        stand.who()


def test_time_is_counted_from_before_the_reading(stand: Stand) -> None:
    def slow(its_digest: str) -> ApiToken | None:
        found = stand.find(its_digest)
        stand.seconds += 4
        return found

    scheme = Tokens(slow, 5, lambda: stand.seconds, lambda: stand.now)
    assert scheme.identify(asking(x_auth_token=TEXT), may_wait=True) == ALICE
    stand.seconds += 1
    with pytest.raises(WouldWait):
        scheme.identify(asking(x_auth_token=TEXT), may_wait=False)


def test_a_token_ends_at_its_time_whatever_is_remembered(stand: Stand) -> None:
    stand.table[digest(TEXT)] = ApiToken(1, "alice", "blue", ALICE.roles, 0, 1_002_000_000)
    assert stand.who() == ALICE
    stand.now = 1001.999
    assert stand.who(may_wait=False) == ALICE
    stand.now = 1002.0
    for may_wait in (True, False):
        with pytest.raises(NotIdentified):
            stand.who(may_wait=may_wait)


def test_an_unknown_token_is_remembered_too_and_crowds_out_nobody(stand: Stand) -> None:
    assert stand.who() == ALICE
    for number in range(UNKNOWN_MAX + 5):
        with pytest.raises(NotIdentified):
            stand.who(f"{PREFIX}{number:043}")
    read = stand.reads
    with pytest.raises(NotIdentified):
        stand.who(f"{PREFIX}{UNKNOWN_MAX:043}", may_wait=False)
    with pytest.raises(WouldWait):
        stand.who(f"{PREFIX}{0:043}", may_wait=False)
    assert stand.who(may_wait=False) == ALICE
    assert stand.reads == read


def test_a_new_token_that_was_tried_too_early_is_believed_soon(stand: Stand) -> None:
    with pytest.raises(NotIdentified):
        stand.who(OTHER)
    stand.table[digest(OTHER)] = ApiToken(2, "bob", None, frozenset(), 0, FOREVER_US)
    stand.seconds = 5
    assert stand.who(OTHER) == Identity("bob", None, frozenset())


def test_what_is_remembered_has_bounds() -> None:
    remembered: Remembered[int] = Remembered(2, lambda: 0.0)
    for number in (1, 2, 1, 3):
        remembered.keep(str(number), number, 1.0)
    assert len(remembered) == 2
    assert [remembered.get(key) for key in "123"] == [1, None, 3]
    remembered.forget("1")
    assert remembered.get("1") is None


def test_no_log_holds_a_token() -> None:
    for text in (TEXT, f"sent {TEXT}.", f'"GET /?x={TEXT}"', f"{TEXT[:30]}", f"a{TEXT}"):
        assert "AAAA" not in clean(text)
        assert HIDDEN in clean(text)
    for text in ("ullage_serve", "database ullage_test", "ULLAGE_DATABASE"):
        assert clean(text) == text


BODY: dict[str, object] = {
    "allocations": {},
    "project_id": "p",
    "user_id": "u",
    "consumer_generation": None,
    "consumer_type": "X",
}
CLAIM = "/allocations/0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
REALM = 'Bearer realm="ullage"'


def answers(client: httpx.Client, token: str) -> set[int]:
    """What a read, a bearer's read and a claim are answered, the latter begun in the event loop."""
    as_token, as_bearer = {"x-auth-token": token}, {"authorization": f"Bearer {token}"}
    replies = [client.get("/traits", headers=given) for given in (as_token, as_bearer)]
    replies.append(client.put(CLAIM, headers=as_token, json=BODY))
    assert all(reply.headers.get("www-authenticate") == REALM for reply in replies if reply.status_code == 401)
    return {reply.status_code for reply in replies}


def test_a_served_token_is_believed_everywhere_and_refused_when_revoked(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, text = tokens.create(store, NOBODY, "alice", None, frozenset({"admin", "service"}), FOREVER_US)
    _, poor = tokens.create(store, NOBODY, "bob", None, frozenset(), FOREVER_US)
    _, old = tokens.create(store, NOBODY, "eve", None, frozenset({"admin", "service"}), 1)
    monkeypatch.setattr(planted, "EVERY", (*planted.EVERY, text, poor, old))
    with (
        UllageServer(database_url, auth="tokens", workers=2, token_seconds_max=0.2) as server,
        httpx.Client(base_url=server.url, headers={"openstack-api-version": "placement 1.39"}) as client,
    ):
        for _ in range(5):
            assert answers(client, text) <= {200, 204}
            assert answers(client, poor) == {403}
            for bad in (old, OTHER, PREFIX):
                assert answers(client, bad) == {401}
            assert client.get("/traits", headers={"x-auth-token": "admin"}).status_code == 401
        tokens.revoke(store, NOBODY, made.id)
        refused = 0
        while refused < 20:  # connections enough to have met both workers
            with httpx.Client(base_url=server.url) as fresh:
                status = fresh.get("/traits", headers={"x-auth-token": text}).status_code
            refused = refused + 1 if status == 401 else 0
