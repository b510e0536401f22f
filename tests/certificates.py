"""An authority and certificates of its own for servers on loopback, made by the openssl program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """A folder with the authority's certificate and all that it signed."""

    folder: Path

    @staticmethod
    def new(folder: Path) -> Authority:
        """A new authority in an empty folder."""
        authority = Authority(folder)
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Ullage tests"),
            *("-keyout", str(folder / "ca.key"), "-out", str(authority.certificate)),
        )
        return authority

    @property
    def certificate(self) -> Path:
        """What clients trust."""
        return self.folder / "ca.pem"

    def signed(self, name: str, host: str = "IP:127.0.0.1", password: str = "", subject: str = "") -> tuple[Path, Path]:
        """A certificate for a host, and its key, encrypted if there is a password. `subject`: such as /O=a/CN=b."""
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        _openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-utf8", "-subj", subject or f"/CN={name}"),
            *("-keyout", str(key), "-out", str(request)),
        )
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={host}\n")
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key")),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(certificate)),
        )
        if password:
            locked = self.folder / f"{name}.locked"
            hidden = ("-v2", "aes-256-cbc", "-passout", f"pass:{password}")
            _openssl("pkcs8", "-topk8", *hidden, "-in", str(key), "-out", str(locked))
            return certificate, locked
        return certificate, key


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
