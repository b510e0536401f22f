"""The options of the schemes that believe what another service says of who asks."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from ullage.settings.option import SettingsError, option

TRUSTED_URL = r"(https://[^\s/?#@\\]+|http://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?)(/[^\s?#\\]*)?"
"""What others could read or answer in another's place is not believed: http is for loopback."""
URL = f"({TRUSTED_URL})?"
URL_WORDS = "https://host[:port][/path], or http:// and a loopback address, without a user, query or fragment"


@dataclass(frozen=True)
class KeystoneOptions:
    """How to ask Keystone who a token is of."""

    keystone_url: str = option(
        "",
        "Where Keystone answers, such as https://keystone.example.org:5000/v3. Needed by auth keystone.",
        pattern=URL,
        accepted=URL_WORDS,
    )
    keystone_public_url: str = option(
        "",
        "Where askers get their tokens, told them in WWW-Authenticate; nothing is told if there is nothing here.",
        pattern=URL,
        accepted=URL_WORDS,
    )
    keystone_application_credential_id: str = option(
        "", "The application credential that the service itself asks Keystone with; else keystone_user is used."
    )
    keystone_application_credential_secret: str = option(
        "", "The secret of keystone_application_credential_id.", is_secret=True
    )
    keystone_user: str = option("", "The name of the user that the service itself asks Keystone as.")
    keystone_password: str = option("", "The password of keystone_user.", is_secret=True)
    keystone_user_domain: str = option("Default", "The name of the domain of keystone_user.")
    keystone_project: str = option(
        "service", "The name of the project that keystone_user has its role in; nothing means the whole system."
    )
    keystone_project_domain: str = option("Default", "The name of the domain of keystone_project.")
    keystone_ca_file: str = option(
        "", "A file of certificates that sign Keystone's own, in place of those that the machine trusts."
    )
    keystone_seconds_max: float = option(
        5.0, "The time that Keystone has for an answer; later, requests are answered 503.", minimum=0.1, maximum=60
    )
    keystone_pause_seconds: float = option(
        5.0,
        "How long Keystone is not asked after it did not answer; requests with tokens that are not known are answered "
        "503 meanwhile.",
        minimum=0.1,
        maximum=300,
    )
    keystone_cache_seconds: float = option(
        60.0,
        "How long what Keystone said of a token is believed: a revoked token is refused after that time at the latest.",
        minimum=1,
        maximum=3600,
    )
    keystone_service_roles: tuple[str, ...] = option(
        ("service",), "The roles of which a token in X-Service-Token must have one."
    )

    def require_keystone(self) -> None:
        """Raise SettingsError unless all that the scheme keystone needs is there."""
        require("keystone_url", self.keystone_url, "keystone")
        if self.keystone_application_credential_id:
            needed = {"keystone_application_credential_secret": self.keystone_application_credential_secret}
        else:
            needed = {"keystone_user": self.keystone_user, "keystone_password": self.keystone_password}
        for name, value in needed.items():
            require(name, value, "keystone")
        require_authorities("keystone_ca_file", self.keystone_ca_file)


@dataclass(frozen=True)
class OidcOptions:
    """Which access tokens are believed, and what they say."""

    oidc_issuer: str = option(
        "",
        "The issuer of access tokens, exactly as they name it in iss. Needed by auth oidc.",
        pattern=URL,
        accepted=URL_WORDS,
    )
    oidc_audience: str = option("", "What a token must name in aud: this service. Needed by auth oidc.")
    oidc_keys_url: str = option(
        "",
        "Where the issuer's keys (JWKS) are; else its /.well-known/openid-configuration says so.",
        pattern=URL,
        accepted=URL_WORDS,
    )
    oidc_ca_file: str = option(
        "", "A file of certificates that sign the issuer's own, in place of those that the machine trusts."
    )
    oidc_algorithms: tuple[str, ...] = option(
        ("RS256", "ES256"),
        "The algorithms of signature that are accepted.",
        pattern=r"(RS|ES|PS)(256|384|512)|EdDSA",
        accepted="RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512, EdDSA, several separated by commas",
    )
    oidc_leeway_seconds: float = option(
        30.0, "By how much the issuer's clock and this machine's may differ.", minimum=0, maximum=300
    )
    oidc_keys_seconds: float = option(
        300.0,
        "How long the issuer's keys are used; they are fetched anew when half of it is over. A key that it withdraws "
        "is refused a minute after that time at the latest.",
        minimum=10,
        maximum=86400,
    )
    oidc_refetch_seconds: float = option(
        10.0,
        "The least time between two fetches of the issuer's keys, however many tokens name a key that is not known.",
        minimum=1,
        maximum=3600,
    )
    oidc_seconds_max: float = option(
        5.0, "The time that the issuer has to give its keys; later, requests are answered 503.", minimum=0.1, maximum=60
    )
    oidc_user_claim: str = option(
        "sub",
        "The claim that names the user; a dot leads into a claim.",
        pattern=r"[^\x00]+",
        accepted="a claim's name",
    )
    oidc_project_claim: str = option("project_id", "The claim that names the project; a token need not have it.")
    oidc_roles_claim: str = option(
        "roles", "The claim that lists the roles, such as realm_access.roles: a list, or words with spaces between."
    )
    oidc_roles: tuple[str, ...] = option(
        (),
        "Which role of the service a word of the roles claim means, such as ullage-admins=admin; when there are any, "
        "other words mean nothing. Without, each word is a role.",
        pattern=r"[^=,\s]+=[^=,\s]+",
        accepted="word=role, several separated by commas",
    )

    def require_oidc(self) -> None:
        """Raise SettingsError unless all that the scheme oidc needs is there."""
        for name in ("oidc_issuer", "oidc_audience", "oidc_algorithms"):
            require(name, getattr(self, name), "oidc")
        require_authorities("oidc_ca_file", self.oidc_ca_file)


def require(name: str, value: object, scheme: str) -> None:
    """Raise SettingsError unless an option that a scheme needs has a value."""
    if not value:
        accepted = f"a value, for auth {scheme} needs one"
        raise SettingsError(f"option {name}: {value!r} is not accepted. Accepted: {accepted}.")


def require_authorities(name: str, path: str) -> None:
    """Raise SettingsError unless this is no file, or one with certificates."""
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except OSError as error:  # SSLError is one
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(f"option {name}: {path} cannot be used: {reason}. Accepted: a PEM file.") from None
