"""The checks of what runs: how it answers, to whom, in which version, and as whom."""

from __future__ import annotations

from collections.abc import Iterator

from ullage.api.versions import LATEST
from ullage.review.check import Check, Saying, ServiceCheck
from ullage.review.deployment import Deployment, ServiceFacts
from ullage.review.report import Area, Severity


class Answers(ServiceCheck):
    """Whether the running service lets in who has no credentials, or forged ones."""

    name, area = "forged-credentials", Area.ACCESS
    REFUSED = (401, 403)
    REFUSED_OR_BUSY = 400

    def judge(self, service: ServiceFacts, deployment: Deployment) -> Iterator[Saying]:
        severity = Severity.HIGH if service.is_loopback else Severity.CRITICAL
        statuses = {"no credentials": service.status_without_credentials} | dict(service.statuses_of_forgeries)
        unclear = {status for status in statuses.values() if status >= self.REFUSED_OR_BUSY} - set(self.REFUSED)
        let_in = [what for what, status in statuses.items() if status < self.REFUSED_OR_BUSY]
        for what in let_in:
            yield severity, f"The service answers a request with {what}.", "Choose a scheme that demands proof."
        for status in sorted(unclear):
            seen = (
                f"A request with forged credentials or none is answered {status}: whether it is let in does not show."
            )
            yield Severity.MEDIUM, seen, "See whether Ullage answers at --url, and well."
        if not let_in and not unclear:
            yield Severity.INFO, "Requests without credentials and with forged ones are refused.", ""


class ErrorAnswers(ServiceCheck):
    """Answers give nothing away."""

    name, area = "error-answers", Area.ERRORS

    def judge(self, service: ServiceFacts, deployment: Deployment) -> Iterator[Saying]:
        if service.leaks:
            leaks = ", ".join(service.leaks)
            yield Severity.HIGH, f"Answers give away: {leaks}.", "See what stands between service and clients."
        if service.worst_status >= 500:
            yield Severity.MEDIUM, f"An odd request was answered {service.worst_status}.", "Look for it in the log."
        if not service.leaks and service.worst_status < 500:
            yield Severity.INFO, "Odd requests were refused, and nothing was given away.", ""


class Origins(Check):
    """Few pages may call from a browser."""

    name, area = "cors-origins", Area.ACCESS

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        origins, service = deployment.settings.cors_origins, deployment.service
        if service is not None and service.admits_any_origin and service.admits_credentials:
            seen = "Pages of any origin may call the service at --url with what the browser knows of its user."
            yield Severity.HIGH, seen, "See what stands before the service, and name the origins."
        elif "*" in origins or (service is not None and service.admits_any_origin):
            yield Severity.MEDIUM, "Pages of any origin may call the service.", "Name the origins in cors_origins."
        elif any(each.startswith("http://") for each in origins):
            yield Severity.LOW, "Pages that came without encryption may call the service.", "Name https origins only."
        else:
            yield Severity.INFO, "Only named origins may call from a browser.", ""


class ServedVersion(ServiceCheck):
    """What answers is this version of Ullage, and does not say what stands before it."""

    name, area = "served-version", Area.DEPENDENCIES

    def judge(self, service: ServiceFacts, deployment: Deployment) -> Iterator[Saying]:
        is_other = service.newest_version != str(LATEST)
        if is_other:
            said = f"microversions up to {service.newest_version}" if service.newest_version else "no microversions"
            seen = f"The service at --url speaks {said}, and this Ullage up to {LATEST}: is it another?"
            yield Severity.MEDIUM, seen, "Review it with the version that it runs, or start it anew after an upgrade."
        if service.names_program:
            seen = f"Answers name a program and its version: {service.names_program}."
            yield Severity.LOW, seen, "Let the proxy keep that to itself (nginx: server_tokens off)."
        if not is_other and not service.names_program:
            yield Severity.INFO, "What answers is of this version.", ""


class Process(Check):
    """The process is no more powerful, and listens no further, than it should."""

    name, area = "process", Area.ACCESS

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        said = list(self._said(deployment))
        seen = "Not looked at: no service was seen on this host."
        if deployment.listener is not None:
            seen = "The process of the service has no more power than it needs."
        yield from said or [(Severity.INFO, seen, "")]

    def _said(self, deployment: Deployment) -> Iterator[Saying]:
        listener = deployment.listener
        if listener is None:
            return
        if deployment.listens_beyond_its_settings:
            seen = f"The service listens on {', '.join(listener.addresses)}, and the settings given here do not say so."
            yield Severity.HIGH, seen, "Review it with the settings that it was started with."
        if listener.is_root:
            remedy = "Run it as a user of its own: docs/security/hardening.md."
            yield Severity.MEDIUM, "The service runs as root: whoever takes it over has the machine.", remedy
        if listener.may_dump:
            seen = "A crash may write the memory of the service, with passwords and tokens, to a disk."
            yield Severity.LOW, seen, "Set LimitCORE=0 in its unit, or ulimit -c 0 before it is started."
        if listener.is_replaced:
            seen = "The service runs libraries that have been replaced since it was started."
            yield Severity.MEDIUM, seen, "Start it anew."
