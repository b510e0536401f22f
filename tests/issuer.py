"""An issuer of access tokens: a process on loopback that serves its document and keys, and the key to sign with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from serving import free_port

AUDIENCE = "ullage"
START_SECONDS_MAX = 20.0
DOCUMENT = ".well-known/openid-configuration"


def new_rsa() -> rsa.RSAPrivateKey:
    """A key for RS and PS algorithms."""
    return rsa.generate_private_key(65537, 2048)


def new_curve() -> ec.EllipticCurvePrivateKey:
    """A key for ES256."""
    return ec.generate_private_key(ec.SECP256R1())


def public(key: PrivateKeyTypes, kid: str, **more: str) -> dict[str, Any]:
    """The public half of a key, as an issuer shows it."""
    if isinstance(key, rsa.RSAPrivateKey):
        text = RSAAlgorithm.to_jwk(key.public_key())
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        text = ECAlgorithm.to_jwk(key.public_key())
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        text = OKPAlgorithm.to_jwk(key.public_key())
    else:
        raise TypeError(type(key).__name__)
    return {**json.loads(text), "kid": kid, "use": "sig", **more}


class Issuer:
    """A running issuer with one RSA key, "first"; it ends with the block."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = new_rsa()

    def __enter__(self) -> Issuer:
        self._folder = tempfile.TemporaryDirectory(prefix="issuer-")
        self.folder = Path(self._folder.name)
        (self.folder / DOCUMENT).parent.mkdir()
        self.show(public(self.key, "first", alg="RS256"))
        self._log = (self.folder / "log").open("wb")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.close()
        self._folder.cleanup()

    def start(self) -> None:
        """Answer again."""
        address = ("--bind", "127.0.0.1", "--directory", str(self.folder), str(self.port))
        command = [sys.executable, "-m", "http.server", *address]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                httpx.get(self.url)
                return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError("the issuer did not start")

    def stop(self) -> None:
        """Be gone; idempotent."""
        self.resume()
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Take requests and answer none."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """End a freeze."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)

    def show(self, *keys: dict[str, Any], issuer: str | None = None, keys_url: str | None = None) -> None:
        """Serve these keys, and a document that says so."""
        about = {"issuer": issuer or self.url, "jwks_uri": keys_url or f"{self.url}/keys.json"}
        (self.folder / DOCUMENT).write_text(json.dumps(about))
        (self.folder / "keys.json").write_text(json.dumps({"keys": keys}))

    def fetches(self) -> int:
        """How often its keys were asked for."""
        return (self.folder / "log").read_text().count("GET /keys.json")

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says; a change to None leaves a claim out."""
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "exp": int(time.time()) + 600}
        said |= {"roles": ["Admin"], "project_id": "project-1", **changes}
        return {name: value for name, value in said.items() if value is not None}

    def token(
        self,
        key: Any = None,
        algorithm: str = "RS256",
        headers: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A token of the first key, unless another one is given; a header of None is left out."""
        said = {name: value for name, value in {"kid": "first", **(headers or {})}.items() if value is not None}
        return jwt.encode(self.claims(**changes), key or self.key, algorithm, said)
