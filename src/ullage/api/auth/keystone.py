"""Keystone tokens (X-Auth-Token, X-Service-Token), validated by Keystone and remembered for a short time.

As with the middleware of other OpenStack services: with a valid token of a service, which has one of the service roles,
an expired token of a user is still believed for as long as Keystone itself lets it, so that long work can be ended.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from ullage.api.auth.asking import Asking, Unanswered
from ullage.api.auth.contract import NotIdentified
from ullage.api.auth.remembered import Remembered
from ullage.api.http import Identity, Request, WouldWait
from ullage.model.token import PREFIX
from ullage.settings import Settings

TOKEN = re.compile(r"[A-Za-z0-9_.=+/~:-]{1,8192}")
"""Whatever Keystone has ever given out; anything else, and what is an API token, is refused without showing it."""
KNOWN_MAX = 10_000
REFUSED_MAX = 2_000
REFUSED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Known:
    """Whose token it is, and until when it holds (seconds since 1970)."""

    identity: Identity
    expires: float


class Keystone:
    """Asks Keystone once for each token, and again when what it said has become old."""

    def __init__(
        self, settings: Settings, session: Session | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        url = settings.keystone_url.rstrip("/")
        self._url = f"{url if url.endswith('/v3') else url + '/v3'}/auth/tokens?nocatalog"
        self._session = session or own_session(settings)
        self._clock = clock
        self._seconds = settings.keystone_cache_seconds
        self._service_roles = frozenset(role.lower() for role in settings.keystone_service_roles)
        self._asking: Asking[Known | None] = Asking(
            "Keystone", max(1, settings.threads // 2), settings.keystone_pause_seconds, clock
        )
        self._known: Remembered[Known] = Remembered(KNOWN_MAX, clock)
        # Kept apart, so that a flood of bad tokens drives no good one out.
        self._refused: Remembered[bool] = Remembered(REFUSED_MAX, clock)
        public = settings.keystone_public_url
        self.challenge = f'Keystone uri="{public}"' if public else "Keystone"

    def identify(self, request: Request, may_wait: bool) -> Identity | None:
        """See Scheme; raises WouldWait when only Keystone knows, Problem 503 when it does not answer."""
        token = request.headers.get("x-auth-token", "").strip()
        if not token or token.startswith(PREFIX):  # an API token is one of ours
            return None
        service_token = request.headers.get("x-service-token", "").strip()
        if service_token:
            service = self._owner(service_token, False, may_wait)
            if not service.roles & self._service_roles:
                raise NotIdentified
        return self._owner(token, bool(service_token), may_wait)

    def _owner(self, token: str, may_be_expired: bool, may_wait: bool) -> Identity:
        if TOKEN.fullmatch(token) is None or token.startswith(PREFIX):
            raise NotIdentified
        key = f"{hashlib.sha256(token.encode()).hexdigest()}{' expired' if may_be_expired else ''}"
        known = self._known.get(key)
        if known is None:
            if self._refused.get(key):
                raise NotIdentified
            if not may_wait:
                raise WouldWait
            known = self._asking.ask(key.encode(), lambda: self._told(key, token, may_be_expired))
            if known is None:
                raise NotIdentified
        if not may_be_expired and known.expires <= self._clock():
            raise NotIdentified
        return known.identity

    def _told(self, key: str, token: str, may_be_expired: bool) -> Known | None:
        """What Keystone says of a token, None if it does not hold; remembered."""
        known = self._known.get(key)
        if known is not None:
            return known  # another thread was here in between
        began = self._clock()  # it may be revoked while the answer is on its way
        known = self._ask(token, may_be_expired)
        if known is None:
            self._refused.keep(key, True, began + REFUSED_SECONDS)
        else:
            self._known.keep(key, known, began + self._seconds)
        return known

    def _ask(self, token: str, may_be_expired: bool) -> Known | None:
        url = self._url + ("&allow_expired=1" if may_be_expired else "")
        try:
            answer = self._session.get(
                url, headers={"X-Subject-Token": token}, authenticated=True, raise_exc=False, log=False
            )
            if answer.status_code == 404:
                return None
            if answer.status_code == 200:
                return _known(answer.json()["token"])
            raise Unanswered(f"status {answer.status_code}")
        except exceptions.Unauthorized:
            raise Unanswered("it refuses the service's own credentials") from None
        except exceptions.ClientException as error:
            raise Unanswered(type(error).__name__) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unanswered("its answer is none of Keystone's") from None


def _known(token: dict[str, Any]) -> Known:
    roles = frozenset(str(role["name"]).lower() for role in token.get("roles", ()))
    project, domain = (str(token[kind]["id"]) if token.get(kind) else None for kind in ("project", "domain"))
    identity = Identity(str(token["user"]["id"]), project, roles, bool(token.get("system")), domain)
    return Known(identity, datetime.fromisoformat(token["expires_at"]).timestamp())


def own_session(settings: Settings) -> Session:
    """The service's own session at Keystone, by application credential or else by user and password."""
    plugin: Any
    if settings.keystone_application_credential_id:
        plugin = v3.ApplicationCredential(
            settings.keystone_url,
            application_credential_id=settings.keystone_application_credential_id,
            application_credential_secret=settings.keystone_application_credential_secret,
        )
    else:
        scope: dict[str, Any] = (
            {"project_name": settings.keystone_project, "project_domain_name": settings.keystone_project_domain}
            if settings.keystone_project
            else {"system_scope": "all"}
        )
        plugin = v3.Password(
            settings.keystone_url,
            username=settings.keystone_user,
            password=settings.keystone_password,
            user_domain_name=settings.keystone_user_domain,
            **scope,
        )
    # Redirections are not followed: they would take the password, and the askers' tokens, elsewhere.
    session = Session(
        auth=plugin, verify=settings.keystone_ca_file or True, timeout=settings.keystone_seconds_max, redirect=False
    )
    session.session.trust_env = False  # neither proxies nor passwords of the environment
    return session
