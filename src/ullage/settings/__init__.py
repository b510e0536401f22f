"""Every option: its name, type, default and help. The only reader of the environment and of configuration files.

A value comes from, in this order: what the program was called with, the environment (`ULLAGE_` and the name in
capitals), a TOML file (the names as keys), the default.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from ullage.settings.certificates import CertificateOptions
from ullage.settings.federated import KeystoneOptions, OidcOptions
from ullage.settings.option import Option, SettingsError, option
from ullage.settings.schemes import AUTH_SCHEMES, LOOPBACK, named, require_sense
from ullage.settings.tls import TlsOptions, first_line

__all__ = [
    "AUTH_SCHEMES",
    "ENVIRONMENT_PREFIX",
    "LOOPBACK",
    "OPTIONS",
    "Option",
    "Settings",
    "SettingsError",
    "environment_variable",
    "load",
    "masked",
]

ENVIRONMENT_PREFIX = "ULLAGE_"
_ANY_SCHEME = "|".join(AUTH_SCHEMES)


@dataclass(frozen=True)
class Settings(OidcOptions, KeystoneOptions, CertificateOptions, TlsOptions):
    """The options of one process; `load` makes them, and makes sure of them."""

    host: str = option("127.0.0.1", "The address to listen on.")
    port: int = option(8778, "The port to listen on.", minimum=1, maximum=65535)
    database: str = option(
        "sqlite:///ullage.db",
        "Where everything is kept: sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME.",
        pattern=r"(sqlite|postgresql|mysql|mariadb)(\+[a-z]+)?://.+",
        accepted="a URL that begins with sqlite:///, postgresql:// or mysql://",
        is_secret=True,
    )
    database_file: str = option(
        "", "A file whose first line is the database's address, with its password; it stands in place of `database`."
    )
    database_tls: str = option(
        "auto",
        "TLS to the database. auto: verify-full, which makes the server prove who it is, unless it is on loopback or "
        "behind a socket; require believes any certificate.",
        choices=("auto", "verify-full", "require", "off"),
    )
    database_ca: str = option("", "A PEM file with the authorities that the database's certificate is judged by.")
    auth: str = option(
        "",
        "How it is found out who asks: names of schemes, separated by commas, in the order in which they are asked. "
        "None: tokens, on loopback alone; if there is no token yet, `serve` makes one for an admin and prints it.",
        pattern=f"(({_ANY_SCHEME})( *, *({_ANY_SCHEME}))*)?",
        accepted=f"one or several, separated by commas, of {', '.join(AUTH_SCHEMES)}",
    )
    token_seconds_max: float = option(
        5.0,
        "How long a worker believes what it has read of an API token; one that was revoked is refused after that.",
        minimum=0,
        maximum=300,
    )
    noauth2_anywhere: bool = option(
        False, "Serve noauth2, which believes everybody, and alone, on addresses that other machines can reach."
    )
    policy_file: str = option(
        "",
        "A file of oslo.policy rules, such as policy.yaml, that replace the default rules of their names. It is read "
        "again when it changes.",
    )
    enforce_scope: bool = option(True, "Refuse tokens of the system or a domain where a rule asks for a project's.")
    enforce_new_defaults: bool = option(
        True, "Use the present default policy rules; when off, role admin is enough for everything, as it once was."
    )
    workers: int = option(1, "Worker processes.", minimum=1, maximum=256)
    threads: int = option(
        16,
        "Threads of each worker, and its connections to read by. A search or a read holds one; small writes hold none.",
        minimum=1,
        maximum=1000,
    )
    connections_max: int = option(
        8192,
        "Connections that each worker holds open at once, idle and stalled ones included; further ones wait.",
        minimum=16,
        maximum=100_000,
    )
    requests_max: int = option(
        1000,
        "Requests that each worker takes on at once; further ones are answered 503.",
        minimum=1,
        maximum=100_000,
    )
    queue_seconds_max: float = option(
        30.0,
        "How long a request may wait for a thread; one that has waited longer is answered 503.",
        minimum=0.1,
        maximum=3600,
    )
    asker_requests_per_second: float = option(
        0.0,
        "Requests a second that each asker may send, all workers together; further ones are answered 429. 0: no bound.",
        minimum=0,
        maximum=1_000_000,
    )
    asker_requests_burst: int = option(
        100,
        "Requests that an asker may send at once after having been quiet, all workers together.",
        minimum=1,
        maximum=1_000_000,
    )
    asker_requests_at_once: int = option(
        0,
        "Requests of one asker that are worked on at a time, all workers together; further ones are answered 429. "
        "0: no bound.",
        minimum=0,
        maximum=100_000,
    )
    body_bytes_max: int = option(
        10 * 1024 * 1024, "The largest body of a request; a larger one is answered 413.", minimum=1, maximum=2**31 - 1
    )
    body_seconds_max: float = option(
        30.0, "The time a request's body may take to arrive; a slower one is answered 408.", minimum=0.1, maximum=3600
    )
    bodies_bytes_max: int = option(
        256 * 1024 * 1024,
        "What the unfinished bodies of all requests may take up in each worker; one that goes beyond is answered 503.",
        minimum=1,
        maximum=2**40,
    )
    stop_seconds_max: int = option(
        20, "How long a stop waits for requests under way before it cuts them off.", minimum=1, maximum=3600
    )
    queue_max: int = option(
        10_000, "Writes that wait for the committer in each worker; further ones are answered 503.", minimum=1
    )
    write_deadline_seconds: float = option(
        30.0, "How long a write waits for its commit before it is answered 503.", minimum=0.1, maximum=3600
    )
    candidates_max: int = option(
        100_000,
        "The most allocation candidates that one answer holds, whatever its limit; the reference's name for it is "
        "max_allocation_candidates.",
        minimum=1,
        maximum=10_000_000,
    )
    search_work_max: int = option(
        1_500_000,
        "The work that one search may take, counted in looks at a choice of about half a microsecond; a search that "
        "has not found what was wanted by then is answered 400, and what to narrow.",
        minimum=1000,
        maximum=1_000_000_000,
    )
    candidates_strategy: str = option(
        "depth-first",
        "The order of allocation candidates: all of one tree first, or one of each tree in turn.",
        choices=("depth-first", "breadth-first"),
    )
    candidates_randomise: bool = option(False, "Shuffle allocation candidates.")
    incomplete_consumer_project: str = option(
        "00000000-0000-0000-0000-000000000000",
        "The project of allocations whose writer names none (before microversion 1.8).",
        pattern=r"[^\x00]{1,255}",
        accepted="1 to 255 characters",
    )
    incomplete_consumer_user: str = option(
        "00000000-0000-0000-0000-000000000000",
        "The user of allocations whose writer names none (before microversion 1.8).",
        pattern=r"[^\x00]{1,255}",
        accepted="1 to 255 characters",
    )
    cors_origins: tuple[str, ...] = option(
        (),
        "Origins whose pages may call this service from a browser, such as https://dashboard.example.org; * means any.",
        pattern=r"\*|(http(?!.*:80$)|https(?!.*:443$))://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?",
        accepted="*, or scheme://host[:port] as browsers say it: in small letters, without the scheme's own port "
        "(80, 443) or a path, and no wildcard within; several separated by commas",
    )
    mount: str = option(
        "",
        "The path that the service is found under, such as /placement; links begin with it.",
        pattern=r"(/[A-Za-z0-9._~-]+)*",
        accepted="nothing, or a path that begins with / and does not end with it",
    )
    audit: bool = option(True, "Keep the audit trail: who changed what, in the database and in the log.")
    audit_log_values: bool = option(
        False,
        "Tell the log the values before and after a change, too; the audit trail in the database has them always.",
    )
    log_level: str = option(
        "info", "The least severe messages that are logged.", choices=("debug", "info", "warning", "error")
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each.name, each.metadata["option"], getattr(self, each.name))
        self.require_tls()
        require_sense(self.auth, self.host, self.noauth2_anywhere)
        if "oidc" in self.auth_schemes:
            self.require_oidc()
        if "keystone" in self.auth_schemes:
            self.require_keystone()
        if "certificates" in self.auth_schemes:
            self.require_certificates()

    @property
    def auth_schemes(self) -> tuple[str, ...]:
        """The names in `auth`, each once."""
        return named(self.auth)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.shown().items())})"

    def shown(self) -> dict[str, Any]:
        """The options by name, as they may be printed: passwords are masked."""
        return {
            name: masked(value) if name == "database" else "***" if value and about.is_secret else value
            for name, about in OPTIONS.items()
            for value in (getattr(self, name),)
        }

    def secrets(self) -> tuple[str, ...]:
        """What no log line may show: secret options, of URLs the password."""
        others = (getattr(self, name) for name, about in OPTIONS.items() if about.is_secret and name != "database")
        return (*_secrets_of(self.database), *filter(None, others))


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        each.name: each.metadata["option"]
        for each in sorted(fields(Settings), key=lambda each: each.name not in Settings.__annotations__)
    }
)
"""Every option by its name; those of the schemes come last."""


def environment_variable(name: str) -> str:
    """The environment variable of an option."""
    return ENVIRONMENT_PREFIX + name.upper()


def load(
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] = MappingProxyType({}),
) -> Settings:
    """The settings from a file, the environment and overrides (None: not given); raises SettingsError."""
    values: dict[str, Any] = {}
    if config is not None:
        values.update(_from_file(config))
    for name in OPTIONS:
        text = environment.get(environment_variable(name))
        if text is not None:
            values[name] = _from_text(name, text)
    unknown = [name for name in overrides if name not in OPTIONS]
    if unknown:
        raise SettingsError(f"option {unknown[0]}: there is none of this name. Accepted: {', '.join(OPTIONS)}.")
    values.update({name: value for name, value in overrides.items() if value is not None})
    if values.get("database_file") and overrides.get("database") is None:
        values["database"] = first_line("database_file", Path(values["database_file"]))
    settings = Settings(**values)
    return replace(settings, database=_encrypted(settings))


def _secrets_of(value: str) -> tuple[str, ...]:
    if "://" not in value:
        return (value,)
    try:
        parts = urlsplit(value)
        return tuple(filter(None, (parts.password, *parse_qs(parts.query).get("password", ()))))
    except ValueError:
        return (value,)


def _encrypted(settings: Settings) -> str:
    """The database's url with what the settings say of TLS, unless it says that itself."""
    url = settings.database
    if url.startswith("sqlite"):
        return url
    said = {"tls": settings.database_tls.removeprefix("auto"), "tls_ca": settings.database_ca}
    for name, value in said.items():
        if value and not re.search(rf"[?&]{name}=", url):
            url += f"{'&' if '?' in url else '?'}{name}={quote(value, safe='/')}"
    return url


def masked(url: str) -> str:
    """A URL without the password that may be in it."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return "***"
    return url.replace(f":{password}@", ":***@", 1) if password else re.sub(r"(?i)(password=)[^&]*", r"\1***", url)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"configuration file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"configuration file {path} is not TOML: {error}") from error
    for name, value in values.items():
        if name not in OPTIONS:
            raise SettingsError(
                f"configuration file {path}, option {name}: there is none of this name. Accepted: {', '.join(OPTIONS)}."
            )
        if isinstance(value, list):
            values[name] = tuple(value)
        elif isinstance(value, int) and not isinstance(value, bool) and isinstance(OPTIONS[name].default, float):
            values[name] = float(value)
    return values


_TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _from_text(name: str, text: str) -> Any:
    """The value that a text from the environment stands for."""
    default = OPTIONS[name].default
    where = f"environment variable {environment_variable(name)}"
    if isinstance(default, bool):
        if text.lower() not in _TRUTHS:
            raise SettingsError(f"{where}: {text!r} is neither true nor false. Accepted: true, false.")
        return _TRUTHS[text.lower()]
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise SettingsError(f"{where}: {text!r} is not {kind}. Accepted: {kind}.") from None
    return text


def _check(name: str, about: Option, value: Any) -> None:
    """Raise SettingsError unless the value is of the option's type and within what it accepts."""
    kind = type(about.default)
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not fits:
        raise _refusal(name, about, value, f"a value of type {kind.__name__}")
    if about.choices and value not in about.choices:
        raise _refusal(name, about, value, ", ".join(about.choices))
    if kind in (int, float):
        minimum = -math.inf if about.minimum is None else about.minimum
        maximum = math.inf if about.maximum is None else about.maximum
        if not minimum <= value <= maximum:
            bound = f"to {maximum:g}" if about.maximum is not None else "or more"
            raise _refusal(name, about, value, f"{minimum:g} {bound}")
    if about.pattern:
        for text in value if kind is tuple else (value,):
            if not isinstance(text, str) or not re.fullmatch(about.pattern, text):
                raise _refusal(name, about, value, about.accepted)


def _refusal(name: str, about: Option, value: Any, accepted: str) -> SettingsError:
    shown = "***" if about.is_secret else re.sub(r"//\S*@", "//***@", repr(value))  # an address with a password
    return SettingsError(f"option {name}: {shown} is not accepted. Accepted: {accepted}.")
