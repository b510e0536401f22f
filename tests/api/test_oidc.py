"""Access tokens: which are believed, and all the ways in which one may not be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import issuer as issuers
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from issuer import Issuer, new_curve, new_rsa, public

from ullage.api.auth import NotIdentified
from ullage.api.auth.issuer_keys import ANSWER_BYTES_MAX, IssuerKeys
from ullage.api.auth.oidc import Oidc
from ullage.api.http import Identity, Request, WouldWait
from ullage.api.problems import Problem
from ullage.settings import Settings

OTHER = new_rsa()
IDENTITY = Identity("user-1", "project-1", frozenset({"admin"}))


class Clock:
    """Time that passes when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running: Issuer) -> Iterator[Issuer]:
    yield running
    running.show(public(running.key, "first", alg="RS256"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def settings(issuer: Issuer, **options: Any) -> Settings:
    return Settings(auth="oidc", **{"oidc_issuer": issuer.url, "oidc_audience": issuers.AUDIENCE, **options})


@pytest.fixture
def oidc(issuer: Issuer, clock: Clock) -> Oidc:
    return a_scheme(issuer, clock)


def a_scheme(issuer: Issuer, clock: Clock | None = None, **options: Any) -> Oidc:
    made = settings(issuer, **options)
    return Oidc(made, IssuerKeys(made, clock or Clock()))


def bearer(token: str) -> Request:
    return Request("GET", b"/", b"", {"authorization": f"Bearer {token}"})


def identity_of(oidc: Oidc, token: str) -> Identity | None:
    return oidc.identify(bearer(token), may_wait=True)


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def in_hmac(issuer: Issuer, kid: str = "first") -> str:
    """Signed with the public key, as if that were a shared secret."""
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    secret = issuer.key.public_key().public_bytes(*form)
    text = f"{part({'alg': 'HS256', 'kid': kid})}.{part(issuer.claims())}"
    seal = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"


def spoilt(token: str) -> str:
    """The claims of another user under the seal of this token."""
    header, claims, seal = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "==="))
    return f"{header}.{part({**said, 'sub': 'root'})}.{seal}"


def test_a_good_token_says_who_asks(issuer: Issuer, oidc: Oidc) -> None:
    assert identity_of(oidc, issuer.token()) == IDENTITY
    assert identity_of(oidc, issuer.token(aud=["other", issuers.AUDIENCE])) == IDENTITY
    assert identity_of(oidc, issuer.token(exp=int(time.time()) - 20)) == IDENTITY  # clocks differ
    assert identity_of(oidc, issuer.token(exp=10**400)) == IDENTITY
    for word in ("JWT", "at+jwt", "application/at+JWT"):
        assert identity_of(oidc, issuer.token(headers={"typ": word}, typ="Bearer", nonce="a")) == IDENTITY


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer opaque"}, {"x-auth-token": "a.b.c"}],
)
def test_what_is_no_signed_token_is_left_to_other_schemes(oidc: Oidc, headers: dict[str, str]) -> None:
    assert oidc.identify(Request("GET", b"/", b"", headers), may_wait=False) is None


FORGED: dict[str, Callable[[Issuer], str]] = {
    "no algorithm": lambda issuer: f"{part({'alg': 'none', 'kid': 'first'})}.{part(issuer.claims())}.",
    "no algorithm, in capitals": lambda issuer: f"{part({'alg': 'NONE', 'kid': 'first'})}.{part(issuer.claims())}.",
    "the public key as a secret": in_hmac,
    "another issuer": lambda issuer: issuer.token(iss="https://other.example.org"),
    "the issuer's name continued": lambda issuer: issuer.token(iss=issuer.url + "/"),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "another audience": lambda issuer: issuer.token(aud="other"),
    "an audience that begins alike": lambda issuer: issuer.token(aud=issuers.AUDIENCE + "2"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 60),
    "never expires": lambda issuer: issuer.token(exp=None),
    "expires at no number": lambda issuer: issuer.token(exp="soon"),
    "expires beyond numbers": lambda issuer: issuer.token(exp=float("inf")),
    "not yet valid": lambda issuer: issuer.token(nbf=int(time.time()) + 90),
    "issued in the future": lambda issuer: issuer.token(iat=int(time.time()) + 90),
    "another key under the name": lambda issuer: issuer.token(OTHER),
    "another key, unknown": lambda issuer: issuer.token(OTHER, headers={"kid": "second"}),
    "no name of a key": lambda issuer: issuer.token(headers={"kid": None}),
    "another algorithm of the key": lambda issuer: issuer.token(algorithm="RS512"),
    "another padding": lambda issuer: issuer.token(algorithm="PS256"),
    "a curve under the name": lambda issuer: issuer.token(new_curve(), "ES256"),
    "a key of its own in the header": lambda issuer: issuer.token(OTHER, headers={"jwk": public(OTHER, "first")}),
    "a demand that is not known": lambda issuer: issuer.token(headers={"crit": ["b64"], "b64": True}),
    "other claims under the seal": lambda issuer: spoilt(issuer.token()),
    "oversized": lambda issuer: issuer.token(padding="a" * 20_000),
    "of another type": lambda issuer: issuer.token(headers={"typ": "logout+jwt"}),
    "of a type that is no word": lambda issuer: issuer.token(headers={"typ": "none"}),
    "an ID token": lambda issuer: issuer.token(at_hash="a", nonce="b"),
    "an ID token, of Keycloak": lambda issuer: issuer.token(typ="ID"),
    "an ID token, of Cognito": lambda issuer: issuer.token(token_use="id"),
    "a refresh token": lambda issuer: issuer.token(typ="Refresh"),
    "a logout token": lambda issuer: issuer.token(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    "not text": lambda issuer: "a.b.c",
    "deep": lambda issuer: f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.e30.a",
    "not ASCII": lambda issuer: issuer.token() + "é",
    "no user": lambda issuer: issuer.token(sub=None),
    "an empty user": lambda issuer: issuer.token(sub=""),
    "a user of two lines": lambda issuer: issuer.token(sub="a\nb"),
    "a user beyond bounds": lambda issuer: issuer.token(sub="a" * 256),
    "a project that is a list": lambda issuer: issuer.token(project_id=["a"]),
    "roles that are no words": lambda issuer: issuer.token(roles=[1]),
    "a role of two lines": lambda issuer: issuer.token(roles=["admin", "a\nb"]),
    "a role that is no text": lambda issuer: issuer.token(roles=["admin", "\ud800"]),
    "a role of nothing": lambda issuer: issuer.token(roles=["admin", ""]),
    "a role beyond bounds": lambda issuer: issuer.token(roles=["a" * 256]),
    "roles that are an object": lambda issuer: issuer.token(roles={"admin": True}),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(issuer: Issuer, oidc: Oidc, name: str) -> None:
    assert identity_of(oidc, issuer.token()) == IDENTITY
    with pytest.raises(NotIdentified):
        identity_of(oidc, FORGED[name](issuer))


def test_a_token_says_nothing_of_where_keys_are(issuer: Issuer, clock: Clock) -> None:
    with Issuer() as thief:
        thief.show(public(OTHER, "theirs", alg="RS256"))
        places = {"jku": f"{thief.url}/keys.json", "x5u": f"{thief.url}/keys.json"}
        oidc = a_scheme(issuer, clock)
        for kid in ("theirs", "first"):
            with pytest.raises(NotIdentified):
                identity_of(oidc, issuer.token(OTHER, headers={"kid": kid, **places}))
        assert identity_of(oidc, issuer.token(headers=places)) == IDENTITY
        assert thief.fetches() == 0


def test_the_public_half_of_a_shared_secret_is_no_key(issuer: Issuer, clock: Clock) -> None:
    secret = "a secret of 32 characters, really"
    shown = {"kty": "oct", "k": base64.urlsafe_b64encode(secret.encode()).decode(), "kid": "shared", "alg": "HS256"}
    issuer.show(public(issuer.key, "first", alg="RS256"), shown)
    with pytest.raises(NotIdentified):
        identity_of(a_scheme(issuer, clock), issuer.token(secret, "HS256", {"kid": "shared"}))


def test_a_short_key_is_refused(issuer: Issuer, clock: Clock) -> None:
    short = rsa.generate_private_key(65537, 1024)
    issuer.show(public(short, "short", alg="RS256"))
    with pytest.raises(NotIdentified), pytest.warns(match="below the minimum"):
        identity_of(a_scheme(issuer, clock), issuer.token(short, headers={"kid": "short"}))


def test_algorithms_are_those_of_the_setting(issuer: Issuer, clock: Clock) -> None:
    curve, edwards = new_curve(), ed25519.Ed25519PrivateKey.generate()
    issuer.show(public(curve, "curve"), public(edwards, "edwards"), public(OTHER, "encrypts", use="enc"))
    oidc = a_scheme(issuer, clock)
    assert identity_of(oidc, issuer.token(curve, "ES256", {"kid": "curve"})) == IDENTITY
    for key, algorithm, kid in ((edwards, "EdDSA", "edwards"), (OTHER, "RS256", "encrypts")):
        with pytest.raises(NotIdentified):
            identity_of(oidc, issuer.token(key, algorithm, {"kid": kid}))
    oidc = a_scheme(issuer, clock, oidc_algorithms=("EdDSA",))
    assert identity_of(oidc, issuer.token(edwards, "EdDSA", {"kid": "edwards"})) == IDENTITY
    with pytest.raises(NotIdentified):
        identity_of(oidc, issuer.token(curve, "ES256", {"kid": "curve"}))


@pytest.mark.parametrize(
    ("options", "claims", "identity"),
    [
        ({}, {"roles": None, "project_id": None}, Identity("user-1", None, frozenset())),
        ({}, {"roles": "Reader member"}, Identity("user-1", "project-1", frozenset({"reader", "member"}))),
        (
            {"oidc_roles": ("ullage-admins=admin",)},
            {"roles": ["ullage-admins", "admin", "reader"]},
            Identity("user-1", "project-1", frozenset({"admin"})),
        ),
        (
            {
                "oidc_roles_claim": "realm_access.roles",
                "oidc_user_claim": "name",
                "oidc_project_claim": "https://a.b/p",
            },
            {"realm_access": {"roles": ["reader"]}, "name": "n", "https://a.b/p": "q"},
            Identity("n", "q", frozenset({"reader"})),
        ),
        ({"oidc_roles_claim": "sub.roles"}, {}, Identity("user-1", "project-1", frozenset())),
    ],
)
def test_claims_mean_what_the_settings_say(
    issuer: Issuer, clock: Clock, options: dict[str, Any], claims: dict[str, Any], identity: Identity
) -> None:
    assert identity_of(a_scheme(issuer, clock, **options), issuer.token(**claims)) == identity


def test_the_event_loop_does_not_wait_for_keys(issuer: Issuer, clock: Clock) -> None:
    oidc = a_scheme(issuer, clock)
    first, second = issuer.token(), issuer.token(jti="2")
    with pytest.raises(WouldWait):
        oidc.identify(bearer(first), may_wait=False)
    with pytest.raises(NotIdentified):  # no key could help
        oidc.identify(bearer(in_hmac(issuer)), may_wait=False)
    assert oidc.identify(bearer(first), may_wait=True) == IDENTITY
    assert oidc.identify(bearer(first), may_wait=False) == IDENTITY
    assert oidc.identify(bearer(second), may_wait=False) == IDENTITY


def test_a_new_key_is_learnt_and_a_withdrawn_one_forgotten(issuer: Issuer, clock: Clock) -> None:
    oidc = a_scheme(issuer, clock)
    assert identity_of(oidc, issuer.token()) == IDENTITY
    before = issuer.fetches()
    issuer.show(public(OTHER, "second"))
    for number in range(5):  # whoever makes up names does not make us ask, or wait
        with pytest.raises(NotIdentified):
            oidc.identify(bearer(issuer.token(OTHER, headers={"kid": f"made-up-{number}"})), may_wait=number % 2 == 0)
    assert issuer.fetches() == before
    clock.now = 10.0
    assert identity_of(oidc, issuer.token(OTHER, headers={"kid": "second"})) == IDENTITY
    assert issuer.fetches() == before + 1
    with pytest.raises(NotIdentified):
        identity_of(oidc, issuer.token(jti="anew"))


def test_keys_are_fetched_anew_when_half_old(issuer: Issuer, clock: Clock) -> None:
    oidc = a_scheme(issuer, clock)
    assert identity_of(oidc, issuer.token()) == IDENTITY
    before = issuer.fetches()
    clock.now = 151.0
    assert oidc.identify(bearer(issuer.token(jti="1")), may_wait=False) == IDENTITY
    assert issuer.fetches() == before
    assert identity_of(oidc, issuer.token(jti="2")) == IDENTITY
    assert issuer.fetches() == before + 1


def test_a_token_that_is_known_is_refused_when_it_expires(issuer: Issuer, clock: Clock) -> None:
    made = settings(issuer, oidc_leeway_seconds=1.0)
    oidc = Oidc(made, IssuerKeys(made, clock), clock)
    clock.now = time.time()
    token = issuer.token(exp=int(clock.now) + 50)
    assert identity_of(oidc, token) == IDENTITY
    oidc._jwt.decode = None  # type: ignore[assignment] # nobody verifies it again
    clock.now += 49
    assert identity_of(oidc, token) == IDENTITY
    clock.now += 2
    with pytest.raises(NotIdentified):
        identity_of(oidc, token)


def test_an_issuer_that_is_gone_is_asked_seldom(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with Issuer() as issuer:
        oidc, fresh = a_scheme(issuer, clock), a_scheme(issuer, clock)
        token = issuer.token()
        assert identity_of(oidc, token) == IDENTITY
        issuer.stop()
        with caplog.at_level(logging.WARNING), pytest.raises(Problem) as refused:
            identity_of(fresh, token)
        assert refused.value.status == 503
        assert len(caplog.messages) == 1
        assert token not in caplog.text
        clock.now = 151.0  # half-old keys serve on
        assert identity_of(oidc, issuer.token(jti="1")) == IDENTITY
        clock.now = 300.0
        with pytest.raises(Problem):
            identity_of(oidc, issuer.token(jti="2"))
        issuer.start()
        with pytest.raises(Problem):  # it has just failed
            identity_of(oidc, issuer.token(jti="2"))
        clock.now = 310.0
        assert identity_of(oidc, issuer.token(jti="2")) == IDENTITY


def test_an_issuer_that_hangs_has_a_bounded_time(clock: Clock) -> None:
    with Issuer() as issuer:
        issuer.freeze()
        with pytest.raises(Problem) as refused:
            identity_of(a_scheme(issuer, clock, oidc_seconds_max=0.2), issuer.token())
        assert refused.value.status == 503


def redirect(issuer: Issuer) -> None:
    (issuer.folder / "moved").mkdir(exist_ok=True)  # a folder is redirected to its name with a slash
    issuer.show(keys_url=f"{issuer.url}/moved")


def write(name: str, text: str) -> Callable[[Issuer], object]:
    return lambda issuer: (issuer.folder / name).write_text(text)


OTHERS = "its document names another issuer, or an address of its keys that is not https"
NO_KEYS = "its answer is not that of an issuer"
SPOIL: dict[str, tuple[Callable[[Issuer], object], str]] = {
    "another issuer's document": (lambda issuer: issuer.show(issuer="https://other.example.org"), OTHERS),
    "keys where others can answer": (lambda issuer: issuer.show(keys_url="http://192.0.2.1/keys.json"), OTHERS),
    "keys in a file": (lambda issuer: issuer.show(keys_url="file:///etc/passwd"), OTHERS),
    "a redirection": (redirect, "status 301"),
    "nothing there": (lambda issuer: issuer.show(keys_url=f"{issuer.url}/nothing"), "status 404"),
    "no keys": (lambda issuer: issuer.show(), NO_KEYS),
    "not JSON": (write("keys.json", "<html>"), NO_KEYS),
    "a list": (write("keys.json", "[1]"), NO_KEYS),
    "keys that are none": (write("keys.json", '{"keys": 1}'), NO_KEYS),
    "too large": (
        write("keys.json", '{"keys": [' + " " * ANSWER_BYTES_MAX + "]}"),
        "its answer is too large or too slow",
    ),
    "no address of keys": (write(issuers.DOCUMENT, "{}"), NO_KEYS),
}


@pytest.mark.parametrize("name", SPOIL)
def test_an_answer_that_is_no_issuers_is_not_believed(
    issuer: Issuer, clock: Clock, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, reason = SPOIL[name]
    spoil(issuer)
    with caplog.at_level(logging.WARNING), pytest.raises(Problem) as refused:
        identity_of(a_scheme(issuer, clock), issuer.token())
    assert refused.value.status == 503
    assert caplog.messages == [f"the issuer of access tokens did not tell who asks: {reason}"]
