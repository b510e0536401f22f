"""What a way to find out who asks has to do."""

from __future__ import annotations

from typing import Protocol

from ullage.api.http import Identity, Request


class NotIdentified(Exception):
    """Credentials of a scheme that do not hold."""


class Scheme(Protocol):
    """One way to find out who asks; one for each process, called from many threads."""

    challenge: str
    """What a 401 tells about this scheme in WWW-Authenticate (RFC 9110, 11.6.1); "" if there is nothing to tell."""

    def identify(self, request: Request, may_wait: bool) -> Identity | None:
        """The asker; None if the request has no credentials of this scheme; raises NotIdentified if they are bad.

        Unless it `may_wait`, this is the event loop: what is not known by heart (a token that was not looked up yet,
        an issuer's keys) raises WouldWait, and the request comes again in a thread, where it may wait.
        """
