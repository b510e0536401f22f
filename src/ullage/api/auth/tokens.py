"""API tokens, which `ullage token` makes and the database keeps."""

from __future__ import annotations

import time
from collections.abc import Callable

from ullage.api.auth.contract import NotIdentified
from ullage.api.auth.presented import presented_token
from ullage.api.auth.remembered import Remembered
from ullage.api.http import Identity, Request, WouldWait
from ullage.model.token import PREFIX, ApiToken, digest, has_form

KNOWN_MAX = 10_000
UNKNOWN_MAX = 1_000
"""Digests that are no token's have a place of their own, so that whoever guesses crowds out nobody."""


class Tokens:
    """`ullage_...` in X-Auth-Token or as a bearer's token (RFC 6750). Any other text is left to other schemes.

    A worker believes what it has read for so many seconds, so that a request need not ask the database.
    """

    challenge = 'Bearer realm="ullage"'

    def __init__(
        self,
        find: Callable[[str], ApiToken | None],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`find` reads the token of a digest and may wait; `clock` and `now` (since 1970) give seconds."""
        self._find = find
        self._seconds = seconds
        self._clock = clock
        self._now = now
        self._known: Remembered[tuple[float, Identity]] = Remembered(KNOWN_MAX, clock)
        self._unknown: Remembered[bool] = Remembered(UNKNOWN_MAX, clock)

    def identify(self, request: Request, may_wait: bool) -> Identity | None:
        """See Scheme."""
        text = presented_token(request)
        if text is None or not text.startswith(PREFIX):
            return None
        if not has_form(text):
            raise NotIdentified
        key = digest(text)
        known = self._known.get(key)
        if known is None:
            if self._unknown.get(key):
                raise NotIdentified
            if not may_wait:
                raise WouldWait
            known = self._read(key)
        expires, identity = known
        if expires <= self._now():
            raise NotIdentified
        return identity

    def _read(self, key: str) -> tuple[float, Identity]:
        until = self._clock() + self._seconds  # by what it was before reading: it may be revoked while that lasts
        token = self._find(key)
        if token is None:
            self._unknown.keep(key, True, until)
            raise NotIdentified
        known = (token.expires_us / 1_000_000, Identity(token.user, token.project, token.roles))
        self._known.keep(key, known, until)
        return known
