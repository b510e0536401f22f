"""Ullage whole, asked in process: for tests of what the routes do."""

from __future__ import annotations

import json
from typing import Any

from api.stand import ADMIN, JSON, ask, error, header
from ullage.api.app import App
from ullage.api.http import Response

UUID = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
OTHER = "7d2590ae-fb85-4080-9306-058b4c915e3f"
NOWHERE = "9b2ea9ff-0f8e-4a36-ba40-5b4a2a0a0000"
CONSUMER = "3f5f0f2c-6b1e-4a6b-8a52-6fd0f6d5d5a1"
OWNER = {"project_id": "p", "user_id": "u"}


class Client:
    """Asks an App as an administrator, by default in the newest version."""

    def __init__(self, app: App) -> None:
        self.app = app

    def ask(self, method: str, target: str, body: object = None, version: str = "1.39") -> Response:
        """`body` is sent as JSON, bytes as they are."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        said = ADMIN if body is None else {**ADMIN, **JSON}
        return ask(self.app, method, target, said, raw, version)

    def get(self, target: str, version: str = "1.39") -> Any:
        """The body of a GET that succeeds."""
        response = self.ask("GET", target, version=version)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def do(self, method: str, target: str, body: object = None, version: str = "1.39") -> Response:
        """A request that succeeds."""
        response = self.ask(method, target, body, version)
        assert response.status < 300, response.body
        return response

    def refused(self, method: str, target: str, body: object = None, version: str = "1.39") -> tuple[int, str, str]:
        """Status, code and detail of a request that does not succeed."""
        response = self.ask(method, target, body, version)
        assert response.status >= 400, response.body
        told = error(response)
        return response.status, told.get("code", ""), told["detail"]

    def provider(self, uuid: str = UUID, name: str = "host", **inventories: int) -> None:
        """Make a provider with inventories by class and total."""
        self.do("POST", "/resource_providers", {"name": name, "uuid": uuid})
        for resource_class, total in inventories.items():
            body = {"resource_class": resource_class, "total": total}
            self.do("POST", f"/resource_providers/{uuid}/inventories", body)

    def claim(self, consumer: str = CONSUMER, generation: int | None = None, **amounts: int) -> None:
        """Let a consumer hold amounts by class on the provider UUID."""
        self.do("PUT", f"/allocations/{consumer}", claim_body(generation, UUID, **amounts))


def claim_body(generation: int | None = None, provider: str = UUID, **amounts: int) -> dict[str, object]:
    """A claim in the newest shape."""
    held = {provider: {"resources": amounts}} if amounts else {}
    return {"allocations": held, "consumer_generation": generation, "consumer_type": "INSTANCE", **OWNER}


__all__ = ["CONSUMER", "NOWHERE", "OTHER", "OWNER", "UUID", "Client", "claim_body", "header"]
