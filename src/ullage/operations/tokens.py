"""API tokens: looked up for whoever asks."""

from __future__ import annotations

from ullage.model.token import ApiToken
from ullage.operations.service import Service
from ullage.storage import tokens


def find(service: Service, its_digest: str) -> ApiToken | None:
    """The token of this digest as it is now; None if there is none, or no longer. Waits for the database."""
    with service.store.looking() as connection:
        return tokens.find(connection, its_digest)
