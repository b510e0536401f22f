"""A real Keystone on SQLite: its own environment from a hash-locked list, one process on loopback, and askers in it."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from serving import free_port

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venv-keystone"
START_SECONDS_MAX = 90.0
PASSWORD = "planted-keystone-4be1"  # the tests' own
CONFIGURATION = """
[database]
connection = sqlite:///{folder}/keystone.db
[fernet_tokens]
key_repository = {folder}/keys
[fernet_receipts]
key_repository = {folder}/keys
[credential]
key_repository = {folder}/keys
[identity]
password_hash_rounds = 4
"""
SERVER = """
bind = "127.0.0.1:{port}"
workers = 1
threads = 4
wsgi_app = "keystone.wsgi.api:application"
"""
EXPIRED = """
import sys
from keystone.server.flask import core
from keystone.token import token_formatters
configuration, user, project, expired_at = sys.stdin.read().split()
core.initialize_application("public", config_files=[configuration])
made = token_formatters.TokenFormatter().create_token(
    user, expired_at, ["A" * 22], token_formatters.ProjectScopedPayload, methods=["password"], project_id=project
)
print("TOKEN", made)
"""
"""Makes a token that expired some time ago, with Keystone's own code and keys."""


def programs() -> Path:
    """The folder of programs of Keystone's environment, built anew whenever its lock file has changed."""
    subprocess.run([ROOT / ".ci" / "venv", ENVIRONMENT.name, "requirements/keystone.txt"], check=True, cwd=ROOT)
    return ENVIRONMENT / "bin"


class KeystoneServer:
    """A running Keystone in which "ullage" and "nova" have role service and "alice" has role reader,
    and role admin in the domain alone."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v3"

    def __enter__(self) -> KeystoneServer:
        self._programs = programs()
        self._folder = tempfile.TemporaryDirectory(prefix="keystone-")
        self.folder = Path(self._folder.name)
        self._configuration = self.folder / "keystone.conf"
        self._configuration.write_text(CONFIGURATION.format(folder=self.folder))
        (self.folder / "gunicorn.conf.py").write_text(SERVER.format(port=self.port))
        (self.folder / "keys").mkdir(mode=0o700)
        for number in range(2):
            key = self.folder / "keys" / str(number)
            key.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
            key.chmod(0o600)
        self._manage("db_sync")
        self._manage("bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-public-url", self.url)
        self._log = (self.folder / "log").open("wb")
        surroundings = {"OS_KEYSTONE_CONFIG_DIR": str(self.folder), "PYTHONWARNINGS": "ignore"}
        self._process = subprocess.Popen(
            [self._programs / "gunicorn"],
            cwd=self.folder,
            env=os.environ | surroundings | {"OS_KEYSTONE_CONFIG_FILES": str(self._configuration)},
            stdout=self._log,
            stderr=self._log,
        )
        self._wait_until_it_answers()
        self.admin = self.session("admin", project_name="admin")
        self._people()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        self._folder.cleanup()

    def session(self, user: str, **scope: Any) -> Session:
        """A user's session, scoped as asked: project_name, domain_id, system_scope, or unscoped."""
        if "project_name" in scope:
            scope["project_domain_name"] = "Default"
        auth = v3.Password(self.url, username=user, password=PASSWORD, user_domain_name="Default", **scope)
        return Session(auth=auth)

    def token(self, user: str, **scope: Any) -> str:
        """A new token of a user."""
        token = self.session(user, **scope).get_token()
        if token is None:
            raise RuntimeError("Keystone gave no token")
        return token

    def revoke(self, token: str) -> None:
        """Take a token back."""
        self.admin.delete(f"{self.url}/auth/tokens", headers={"X-Subject-Token": token})

    def expired_token(self, user: str, project: str, expired_at: str) -> str:
        """A token of these ids that was good until then (such as "2026-01-31T10:00:00.000000Z")."""
        command = [str(self._programs / "python"), "-W", "ignore", "-c", EXPIRED]
        words = f"{self._configuration} {user} {project} {expired_at}"
        done = subprocess.run(command, input=words, capture_output=True, text=True, cwd=self.folder, check=True)
        return str(done.stdout).rpartition("TOKEN ")[2].strip()

    def _people(self) -> None:
        self.projects = {"service": self.new("project", name="service", domain_id="default")}
        self.users: dict[str, str] = {}
        self.roles = self.admin.get(f"{self.url}/roles").json()["roles"]
        roles = {each["name"]: each["id"] for each in self.roles}
        for user, role in (("ullage", "service"), ("nova", "service"), ("alice", "reader")):
            made = self.users[user] = self.new("user", name=user, password=PASSWORD, domain_id="default")
            place = f"projects/{self.projects['service']}/users/{made}/roles/{roles[role]}"
            self.admin.put(f"{self.url}/{place}")
        self.admin.put(f"{self.url}/domains/default/users/{self.users['alice']}/roles/{roles['admin']}")

    def new(self, kind: str, **about: str) -> str:
        """Make a user, a service or whatever else has an id, which is given back."""
        answer = self.admin.post(f"{self.url}/{kind}s", json={kind: about}).json()
        return str(answer[kind]["id"])

    def _manage(self, *arguments: str) -> None:
        command = [str(self._programs / "keystone-manage"), "--config-file", str(self._configuration), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                httpx.get(self.url, timeout=30).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        log = (self.folder / "log").read_text(errors="replace")
        raise RuntimeError(f"Keystone did not start:\n{log[-4000:]}")
