"""What a check is, and what several of them say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from ullage.review.deployment import Deployment, ServiceFacts
from ullage.review.report import Area, Severity
from ullage.storage.privileges import DatabaseFacts

ROLE_REMEDY = "Connect as a role that only reads and writes rows: see Two roles in docs/operating/databases.md."
NO_URL = "Not looked at: no service was named. Give --url."
NO_DATABASE = "Not looked at: the database could not be read."
Saying = tuple[Severity, str, str]
"""Severity, what was seen, what to do (empty: nothing)."""


class Check(ABC):
    """Judges one thing."""

    name: ClassVar[str]
    area: ClassVar[Area]

    @abstractmethod
    def look(self, deployment: Deployment) -> Iterator[Saying]:
        """What there is to say."""


class DatabaseCheck(Check):
    """Judges something of the database, if that could be read."""

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        if deployment.database is None:
            yield Severity.INFO, NO_DATABASE, ""
        else:
            yield from self.judge(deployment.database, deployment)

    @abstractmethod
    def judge(self, database: DatabaseFacts, deployment: Deployment) -> Iterator[Saying]:
        """What there is to say of it."""


class ServiceCheck(Check):
    """Judges something of the running service, if one was named."""

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        if deployment.service is None:
            yield Severity.INFO, NO_URL, ""
        else:
            yield from self.judge(deployment.service, deployment)

    @abstractmethod
    def judge(self, service: ServiceFacts, deployment: Deployment) -> Iterator[Saying]:
        """What there is to say of it."""
