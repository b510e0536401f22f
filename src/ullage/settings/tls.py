"""The options of the service's own TLS, and the password of its key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ullage.settings.option import SettingsError, option

if TYPE_CHECKING:
    from ullage.settings import Settings


@dataclass(frozen=True)
class TlsOptions:
    """The certificate that HTTPS is served with."""

    tls_certificate: str = option(
        "", "A PEM file with the certificate, and those between it and its authority, to serve HTTPS with."
    )
    tls_key: str = option("", "The PEM file with the key of tls_certificate.")
    tls_key_password: str = option(
        "",
        "The password of tls_key, if it has one: in the environment or a configuration file, not on the command line.",
        is_secret=True,
        is_on_command_line=False,
    )
    tls_key_password_file: str = option(
        "", "A file whose first line is the password of tls_key; it stands in place of `tls_key_password`."
    )
    tls_minimum: str = option("tls1.2", "The oldest version of TLS that is served.", choices=("tls1.2", "tls1.3"))

    def require_tls(self) -> None:
        """Raise SettingsError unless certificate and key are given together."""
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            raise SettingsError(f"option {missing}: '' is not accepted. Accepted: a file, as the other one is given.")


def key_password(settings: Settings) -> str:
    """The password of the key, as its file has it now; empty if it has none. Raises SettingsError."""
    if not settings.tls_key_password_file:
        return settings.tls_key_password
    return first_line("tls_key_password_file", Path(settings.tls_key_password_file))


def first_line(name: str, path: Path) -> str:
    """The first line of the file that an option of this name names, without blanks around it; SettingsError."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"option {name}: {path} cannot be read: {reason}.") from None
