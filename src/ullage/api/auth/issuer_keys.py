"""The keys that an issuer of access tokens signs with, from its own address and no other."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import msgspec

from ullage.api.auth.asking import Asking, Unanswered
from ullage.api.auth.contract import NotIdentified
from ullage.api.http import WouldWait
from ullage.api.problems import Problem
from ullage.settings import Settings
from ullage.settings.federated import TRUSTED_URL

ANSWER_BYTES_MAX = 1024 * 1024
CHUNK_BYTES = 64 * 1024


class IssuerKeys:
    """Keys by `kid`. Half-old ones are fetched anew while they are still used; old ones are not used.

    For one that is not known, the issuer is asked at most once in `oidc_refetch_seconds`.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._client = httpx.Client(
            timeout=settings.oidc_seconds_max,
            verify=ssl.create_default_context(cafile=settings.oidc_ca_file or None),
            trust_env=False,
        )
        self._asking: Asking[None] = Asking(
            "the issuer of access tokens", max(1, settings.threads // 2), settings.oidc_refetch_seconds, clock
        )
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -float("inf")

    def find(self, kid: str, may_wait: bool) -> jwt.PyJWK:
        """The key of this name; raises NotIdentified if there is none, Problem 503 if the issuer does not say."""
        age_seconds = self._clock() - self._fetched_at
        key = self._keys.get(kid) if age_seconds < self._settings.oidc_keys_seconds else None
        if key is not None and not (may_wait and self._is_to_be_renewed(age_seconds)):
            return key
        if key is None and age_seconds < self._settings.oidc_refetch_seconds:
            raise NotIdentified
        if not may_wait:
            raise WouldWait
        try:
            self._asking.ask(b"keys", self._fetch)
        except Problem:
            if key is None:
                raise
            return key
        if kid not in self._keys:
            raise NotIdentified
        return self._keys[kid]

    def _is_to_be_renewed(self, age_seconds: float) -> bool:
        """Whether it is time, and nobody does it yet: one request waits for that, the others go on."""
        return 2 * age_seconds > self._settings.oidc_keys_seconds and not self._asking.is_under_way(b"keys")

    def _fetch(self) -> None:
        if self._clock() - self._fetched_at < self._settings.oidc_refetch_seconds:
            return  # another thread was here in between
        try:
            url = self._settings.oidc_keys_url or self._discover()
            said = jwt.PyJWKSet.from_dict(self._get(url)).keys
        except httpx.HTTPStatusError as error:
            raise Unanswered(f"status {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise Unanswered(type(error).__name__) from None
        except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError, httpx.InvalidURL):
            raise Unanswered("its answer is not that of an issuer") from None
        self._keys = {key.key_id: key for key in said if key.key_id and key.public_key_use in (None, "sig")}
        self._fetched_at = self._clock()

    def _discover(self) -> str:
        issuer = self._settings.oidc_issuer
        about = self._get(issuer.rstrip("/") + "/.well-known/openid-configuration")
        url = str(about["jwks_uri"])
        if about["issuer"] != issuer or not re.fullmatch(TRUSTED_URL, url.partition("?")[0]):
            raise Unanswered("its document names another issuer, or an address of its keys that is not https")
        return url

    def _get(self, url: str) -> dict[str, Any]:
        end = self._clock() + self._settings.oidc_seconds_max
        body = b""
        with self._client.stream("GET", url) as answer:
            if answer.status_code != 200:  # a redirection is one: the issuer's address is the setting's
                raise Unanswered(f"status {answer.status_code}")
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX or self._clock() > end:
                    raise Unanswered("its answer is too large or too slow")
        return msgspec.json.decode(body, type=dict[str, Any])
