"""Who asks: one class per authentication scheme, all in SCHEMES, several of them at once if so set.

See `contract.Scheme` for what a scheme has to do. Schemes are asked in the order of the setting `auth`, and the first
that does not say "not mine" decides: credentials that one scheme finds bad are not tried with the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ullage.api.auth.certificates import Certificates
from ullage.api.auth.contract import NotIdentified, Scheme
from ullage.api.auth.noauth2 import NoAuth2
from ullage.api.auth.oidc import Oidc
from ullage.api.auth.tokens import Tokens
from ullage.api.http import Identity, Request
from ullage.operations import tokens
from ullage.operations.service import Service
from ullage.settings import Settings

__all__ = ["SCHEMES", "NoAuth2", "NotIdentified", "Scheme", "Schemes", "schemes_for"]


def _keystone(settings: Settings, service: Service) -> Scheme:
    from ullage.api.auth.keystone import Keystone  # its HTTP client takes 20 MB and a tenth of a second

    return Keystone(settings)


SCHEMES: Mapping[str, Callable[[Settings, Service], Scheme]] = {
    "noauth2": lambda settings, service: NoAuth2(),
    "tokens": lambda settings, service: Tokens(partial(tokens.find, service), settings.token_seconds_max),
    "oidc": lambda settings, service: Oidc(settings),
    "keystone": _keystone,
    "certificates": lambda settings, service: Certificates(settings),
}
"""The name that the setting `auth` takes -> how the scheme is made."""


class Schemes:
    """Several schemes as one."""

    def __init__(self, schemes: Sequence[Scheme]) -> None:
        self._schemes = tuple(schemes)
        self.challenges = tuple(dict.fromkeys(scheme.challenge for scheme in schemes if scheme.challenge))
        """For WWW-Authenticate."""

    def identify(self, request: Request, may_wait: bool) -> Identity:
        """The asker; raises NotIdentified if none can be found out, or WouldWait: see Scheme."""
        for scheme in self._schemes:
            identity = scheme.identify(request, may_wait)
            if identity is not None:
                return identity
        raise NotIdentified


def schemes_for(settings: Settings, service: Service) -> Schemes:
    """The schemes that the settings name."""
    return Schemes([SCHEMES[name](settings, service) for name in settings.auth_schemes])
