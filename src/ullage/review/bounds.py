"""The checks of exhaustion and encryption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ullage.review.check import Check, Saying
from ullage.review.deployment import Deployment
from ullage.review.report import Area, Severity


class AskerBounds(Check):
    """No asker may take all there is."""

    name, area = "asker-bounds", Area.EXHAUSTION
    MOST: ClassVar[dict[str, float]] = {
        "asker_requests_per_second": 10_000,
        "asker_requests_burst": 50_000,
        "asker_requests_at_once": 5_000,
    }

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        severity = Severity.MEDIUM if deployment.is_reached_by_others else Severity.LOW
        values = {name: getattr(deployment.settings, name) for name in self.MOST}
        unbounded = [name for name, value in values.items() if not value]
        high = [name for name, value in values.items() if value > self.MOST[name]]
        if unbounded:
            yield severity, f"One asker may take all there is: {', '.join(unbounded)} = 0.", "Set bounds for askers."
        for name in high:
            remedy = f"Set it to at most {self.MOST[name]:g}."
            yield severity, f"{name} = {values[name]:g} keeps one asker from little.", remedy
        if not unbounded and not high:
            yield Severity.INFO, "Each asker has bounds.", ""


class WorkBounds(Check):
    """Work, queues and waits are bounded."""

    name, area = "work-bounds", Area.EXHAUSTION
    MOST: ClassVar[dict[str, float]] = {
        "search_work_max": 20_000_000,
        "candidates_max": 1_000_000,
        "requests_max": 10_000,
        "connections_max": 65_536,
        "threads": 256,
        "bodies_bytes_max": 4 * 2**30,
        "queue_max": 100_000,
        "queue_seconds_max": 120,
        "write_deadline_seconds": 120,
    }

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        high = [name for name, most in self.MOST.items() if getattr(deployment.settings, name) > most]
        for name in high:
            value = getattr(deployment.settings, name)
            yield Severity.MEDIUM, f"{name} = {value:g} bounds little.", f"Set it to at most {self.MOST[name]:g}."
        if not high:
            yield Severity.INFO, "Work, queues and waits are bounded.", ""


class ServedEncryption(Check):
    """Tokens cross no network unencrypted."""

    name, area = "served-tls", Area.ENCRYPTION

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        service = deployment.service
        if deployment.settings.tls_certificate:
            yield Severity.INFO, f"HTTPS is served, {deployment.settings.tls_minimum} and newer.", ""
        elif deployment.is_exposed:
            remedy = "Set tls_certificate and tls_key, or listen on loopback behind a proxy that serves HTTPS."
            yield Severity.HIGH, "Tokens cross the network unencrypted.", remedy
        else:
            yield Severity.INFO, "Only this machine can reach the service; a proxy before it has to serve HTTPS.", ""
        if service is not None and not service.is_https and not service.is_loopback:
            yield Severity.HIGH, "The service was reached over the network without HTTPS.", "Use https:// alone."
        if service is not None and service.former_tls:
            seen = f"What answers at --url accepts {' and '.join(service.former_tls)}."
            yield Severity.HIGH, seen, "Let the proxy accept TLS 1.2 and newer alone."
        if service is not None and service.distrust:
            seen = f"This machine does not believe the certificate that the service shows: {service.distrust}."
            yield Severity.MEDIUM, seen, "Serve one that clients can verify, with those between it and its authority."
