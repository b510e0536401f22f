"""Which schemes there are, and which of them may stand together, where."""

from __future__ import annotations

from collections.abc import Sequence

from ullage.settings.option import SettingsError

AUTH_SCHEMES = ("noauth2", "tokens", "oidc", "keystone", "certificates")
"""What the option `auth` may name."""
CLOSED_SCHEME = "tokens"
"""What it stands for when it names none."""
BEFORE_NOAUTH2 = ("tokens", "oidc")
"""Those that leave it something to believe, and that it leaves what they would be asked about."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def named(auth: str) -> tuple[str, ...]:
    """The names in the option `auth`, each once."""
    return tuple(dict.fromkeys(name.strip() for name in (auth or CLOSED_SCHEME).split(",")))


def require_sense(auth: str, host: str, is_noauth2_forced: bool) -> None:
    """Raise SettingsError for schemes that hide each other, or that are none for an address others can reach."""
    schemes = named(auth)
    _require_reachable(auth, schemes)
    if host in LOOPBACK or host.startswith("127."):
        return
    if not auth:
        raise SettingsError(
            f"option host: {host!r} can be reached from other machines, and option auth names no scheme. "
            "Accepted: a loopback address, or, with a scheme named, any."
        )
    if "noauth2" not in schemes:
        return
    believes = f"option host: {host!r} can be reached from other machines, and auth noauth2 believes everybody"
    if len(schemes) > 1:
        raise SettingsError(
            f"{believes} whom no scheme before it knows. Accepted: a loopback address, or auth without noauth2; "
            "noauth2_anywhere is for noauth2 alone."
        )
    if not is_noauth2_forced:
        raise SettingsError(f"{believes}. Accepted: a loopback address, or noauth2_anywhere = true.")


def _require_reachable(auth: str, schemes: Sequence[str]) -> None:
    """Raise SettingsError for noauth2 before others, whose tokens it would take for names, or after one that leaves it
    none."""
    if "noauth2" not in schemes or (schemes[-1] == "noauth2" and set(schemes[:-1]) <= set(BEFORE_NOAUTH2)):
        return
    place = schemes.index("noauth2")
    hidden = f"{schemes[place + 1]} would not be asked after noauth2" if schemes[place + 1 :] else ""
    reason = hidden or f"noauth2 does not go with {next(name for name in schemes if name not in BEFORE_NOAUTH2)}"
    raise SettingsError(
        f"option auth: {auth!r} is not accepted, as {reason}. "
        f"Accepted: noauth2 alone, or last, after {' or '.join(BEFORE_NOAUTH2)}."
    )
