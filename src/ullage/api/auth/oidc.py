"""Access tokens of an OIDC issuer: `Authorization: Bearer` and a signed JWT.

The key is one of the issuer's, found by `kid` among those at its own address: what a token says of addresses or keys
(jku, x5u, jwk, x5c) is not read. The algorithm is one of the settings', all asymmetric, and the key's own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from ullage.api.auth.contract import NotIdentified
from ullage.api.auth.issuer_keys import IssuerKeys
from ullage.api.auth.remembered import Remembered
from ullage.api.http import Identity, Request
from ullage.settings import Settings

TOKEN_LENGTH_MAX = 16 * 1024
KNOWN_MAX = 10_000
KNOWN_SECONDS = 60.0
ID_LENGTH_MAX = 255
"""Of users and projects, as the ledger keeps them, and of roles."""
TYPES = ("jwt", "at+jwt")
"""What the header of an access token may say in `typ`; it need not say anything."""
OTHER_KINDS = {"typ": ("id", "refresh", "offline", "logout"), "token_use": ("id",)}
"""What issuers say in claims of tokens that are for others to read: Keycloak in typ, Cognito in token_use."""
OTHER_CLAIMS = frozenset({"at_hash", "c_hash", "events"})
"""Only tokens that tell a client who has logged in have the first two, only those that tell of an event the third."""


class Oidc:
    """Believes what a token says that the issuer signed for this service."""

    challenge = 'Bearer realm="ullage"'

    def __init__(self, settings: Settings, keys: IssuerKeys | None = None, clock: Callable[[], float] = time.time):
        self._settings = settings
        self._keys = keys or IssuerKeys(settings)
        self._clock = clock
        self._algorithms = list(settings.oidc_algorithms)
        self._roles = dict(pair.split("=", 1) for pair in settings.oidc_roles)
        self._known: Remembered[Identity] = Remembered(KNOWN_MAX, clock)
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True})

    def identify(self, request: Request, may_wait: bool) -> Identity | None:
        """See Scheme; raises WouldWait when the keys must be fetched, Problem 503 when they cannot be."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or token.count(".") != 2:
            return None
        if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
            raise NotIdentified
        digest = hashlib.sha256(token.encode()).hexdigest()
        identity = self._known.get(digest)
        if identity is None:
            claims = self._claims(token, may_wait)
            identity = self._identity(claims)
            expires = _seconds(claims["exp"]) + self._settings.oidc_leeway_seconds
            self._known.keep(digest, identity, min(self._clock() + KNOWN_SECONDS, expires))
        return identity

    def _claims(self, token: str, may_wait: bool) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            if header.get("alg") not in self._algorithms or not isinstance(kid, str) or not _is_typed(header):
                raise NotIdentified
            key = self._keys.find(kid, may_wait)
            if key.algorithm_name != header["alg"]:
                raise NotIdentified
            return self._jwt.decode(
                token,
                key=key,
                algorithms=self._algorithms,
                issuer=self._settings.oidc_issuer,
                audience=self._settings.oidc_audience,
                leeway=self._settings.oidc_leeway_seconds,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise NotIdentified from None

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        if _is_for_others(claims):
            raise NotIdentified
        user = _at(claims, self._settings.oidc_user_claim)
        project = _at(claims, self._settings.oidc_project_claim)
        if not _is_id(user) or not (project in (None, "") or _is_id(project)):
            raise NotIdentified
        said = _at(claims, self._settings.oidc_roles_claim) or []
        words = said.split() if isinstance(said, str) else said
        if not isinstance(words, list) or not all(map(_is_id, words)):
            raise NotIdentified
        roles = (self._roles[word] for word in words if word in self._roles) if self._roles else words
        return Identity(user, project or None, frozenset(role.lower() for role in roles))


def _is_typed(header: Mapping[str, Any]) -> bool:
    return str(header.get("typ", "jwt")).lower().removeprefix("application/") in TYPES


def _is_for_others(claims: Mapping[str, Any]) -> bool:
    """Whether this is no access token, but another that the issuer signed: whoever holds it may ask for nothing."""
    said = any(str(claims.get(name)).lower() in kinds for name, kinds in OTHER_KINDS.items())
    return said or not OTHER_CLAIMS.isdisjoint(claims)


def _seconds(expires: Any) -> float:
    try:
        return float(int(expires))
    except OverflowError:  # later than any clock can tell
        return float("inf")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ID_LENGTH_MAX and value.isprintable()


def _at(claims: Any, path: str) -> Any:
    """The claim of a name, or else what dots lead to."""
    if path in claims:
        return claims[path]
    for name in path.split("."):
        claims = claims.get(name) if isinstance(claims, Mapping) else None
    return claims
