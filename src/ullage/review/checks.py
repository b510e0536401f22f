"""One small class for each thing that is judged, all in CHECKS."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ullage import logs
from ullage.review.bounds import AskerBounds, ServedEncryption, WorkBounds
from ullage.review.check import NO_DATABASE, ROLE_REMEDY, Check, Saying
from ullage.review.databases import (
    DatabaseBounds,
    DatabaseEncryption,
    DatabasePassword,
    DatabaseRole,
    Durability,
    Ledger,
)
from ullage.review.deployment import Deployment, FileFacts
from ullage.review.identity import ApiTokens, Certificates, ClientCertificates, Issuer, Keystone
from ullage.review.report import Area, Observation, Report, Severity
from ullage.review.running import Answers, ErrorAnswers, Origins, Process, ServedVersion
from ullage.review.versions import DatabaseVersion, PythonVersion


def reviewed(deployment: Deployment) -> Report:
    """What all checks say."""
    return Report.of(
        Observation(check.name, check.area, severity, seen, remedy)
        for check in CHECKS
        for severity, seen, remedy in check.look(deployment)
    )


class LogRedaction(Check):
    """Puts planted secrets and a forged line through the formatter of the log; nothing is written."""

    name, area = "log-redaction", Area.LOGGING
    formatter: logging.Formatter = logs.Formatter()

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        plant = "planted4Review7secret"
        message = f"postgresql://user:{plant}@host/name x-auth-token: {plant} Authorization: Bearer {plant}\nforged"
        record = logging.LogRecord("ullage.review", logging.INFO, "", 0, message, None, None)
        line = self.formatter.format(record)
        remedy = "Let no other formatter replace that of Ullage."
        if plant in line:
            yield Severity.HIGH, "A secret gets into the log.", remedy
        if "\n" in line:
            yield Severity.HIGH, "A message can forge a line of the log.", remedy
        if plant not in line and "\n" not in line:
            yield Severity.INFO, "Planted secrets and a forged line were taken out.", ""


class LogLevel(Check):
    """The log says who asked for what, and no more."""

    name, area = "log-level", Area.LOGGING

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        level = deployment.settings.log_level
        if level in ("warning", "error"):
            yield Severity.MEDIUM, f"log_level is {level}: no line says who asked for what.", "Set log_level = info."
        elif level == "debug":
            yield Severity.LOW, "log_level is debug.", "Set log_level = info once you have seen enough."
        elif not deployment.settings.audit_log_values:
            yield Severity.INFO, "Each request has its line.", ""
        if deployment.settings.audit_log_values:
            seen = "audit_log_values is on: whoever reads the log reads what projects hold."
            yield Severity.LOW, seen, "Set audit_log_values = false; the audit trail has the values."


class BodyLimits(Check):
    """Bodies are bounded."""

    name, area = "body-limits", Area.VALIDATION
    BYTES_MAX = 64 * 2**20
    SECONDS_MAX = 120

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        chosen = deployment.settings
        if chosen.body_bytes_max > self.BYTES_MAX:
            yield Severity.MEDIUM, f"A body may have {chosen.body_bytes_max} bytes.", "Lower body_bytes_max."
        if chosen.body_seconds_max > self.SECONDS_MAX:
            yield Severity.MEDIUM, f"A body may take {chosen.body_seconds_max:g} s.", "Lower body_seconds_max."
        if chosen.body_bytes_max <= self.BYTES_MAX and chosen.body_seconds_max <= self.SECONDS_MAX:
            yield Severity.INFO, "Bodies are bounded in size and time.", ""


class AuditTrail(Check):
    """The trail is kept, whole, and nobody's to rewrite."""

    name, area = "audit-trail", Area.ACCESS

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        database = deployment.database
        if not deployment.settings.audit:
            yield Severity.HIGH, "No audit trail is kept.", "Set audit = true."
        elif deployment.settings.log_level in ("warning", "error"):
            seen = "The heads of the audit trail do not reach the log: what is cut off its end does not show."
            yield Severity.MEDIUM, seen, "Set log_level = info, and keep the log on another machine."
        if database is None:
            yield Severity.INFO, NO_DATABASE, ""
            return
        if database.audit_faults:
            remedy = "Run `ullage audit verify`, with the heads that the log has."
            yield Severity.CRITICAL, f"The audit trail is not whole: {database.audit_faults} faults.", remedy
        if database.may_rewrite_audit:
            yield Severity.MEDIUM, "The role may change the audit trail.", ROLE_REMEDY
        if deployment.settings.audit and not database.audit_faults and not database.may_rewrite_audit:
            yield Severity.INFO, "The audit trail is whole.", ""


class AuthSchemes(Check):
    """Nobody is believed without proof."""

    name, area = "auth-schemes", Area.ACCESS

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        schemes = deployment.settings.auth_schemes
        if deployment.settings.noauth2_anywhere and not ("noauth2" in schemes and deployment.is_exposed):
            remedy = "Set noauth2_anywhere = false."
            yield Severity.LOW, "noauth2_anywhere is on: nothing but auth and host keeps everybody out.", remedy
        if "noauth2" not in schemes:
            yield Severity.INFO, f"Who asks is found out by {', '.join(schemes)}.", ""
        elif deployment.is_exposed:
            remedy = "Let a scheme that demands proof find out who asks, or serve on loopback behind a proxy that does."
            yield Severity.CRITICAL, "noauth2 believes everybody, and other machines can reach it.", remedy
        else:
            remedy = "Use noauth2 for development only: every user of this machine is an admin."
            yield Severity.MEDIUM, "noauth2 believes everybody on this machine.", remedy


class Rules(Check):
    """Rules let in nobody whom the defaults keep out, but on purpose."""

    name, area = "policy", Area.ACCESS
    READING = ("list", "show", "usages")
    OF_PROJECTS = ("placement:usages", "allocations:list")
    """Those who read these learn what projects hold."""

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        said = list(self._said(deployment))
        yield from said or [(Severity.INFO, "No rule lets in more askers than the present defaults.", "")]

    def _said(self, deployment: Deployment) -> Iterator[Saying]:
        if deployment.policy_problem:
            yield Severity.HIGH, deployment.policy_problem, "Mend the file; the service does not start with it."
        for fault in deployment.policy_faults:
            yield Severity.MEDIUM, f"policy_file: {fault}.", "Mend the file: see `ullage policy show`."
        for rule in deployment.plainly_asked_rules:
            seen = f"The rule {rule} is decided by what another service says over plain http."
            yield Severity.MEDIUM, seen, "Ask it by https."
        yield from self._of_rules(deployment)
        if not deployment.settings.enforce_new_defaults:
            remedy = "Give the roles that the rules ask for, then set enforce_new_defaults = true."
            yield Severity.MEDIUM, "enforce_new_defaults is off: role admin is enough for everything.", remedy
        if not deployment.settings.enforce_scope:
            remedy = "Set enforce_scope = true."
            yield Severity.MEDIUM, "enforce_scope is off: tokens of the system pass where a project's should.", remedy

    def _of_rules(self, deployment: Deployment) -> Iterator[Saying]:
        for rule in deployment.opened_rules:
            severity = Severity.HIGH if rule.endswith(self.READING) else Severity.CRITICAL
            yield severity, f"The rule {rule} lets in askers without any role.", "Name the roles in policy_file."
        for rule in deployment.widened_rules:
            reading = Severity.MEDIUM if rule.endswith(self.OF_PROJECTS) else Severity.LOW
            severity = reading if rule.endswith(self.READING) else Severity.HIGH
            seen = f"The rule {rule} lets readers and members at what is not of their project."
            yield severity, seen, "Add project_id:%(project_id)s to it, if that is not meant."
        for rule in deployment.roleless_rules:
            severity = Severity.LOW if rule.endswith(self.READING) else Severity.HIGH
            seen = f"The rule {rule} lets askers without any role at what is of their project."
            yield severity, seen, "Name a role in it."
        for rule in deployment.reader_rules:
            if not rule.endswith(self.READING):
                yield Severity.HIGH, f"The rule {rule} lets readers write.", "Name a role in it that may write."
        for rule in deployment.member_rules:
            if not rule.endswith(self.READING):
                seen = f"The rule {rule} lets members write what is of their project, with nobody to count their quota."
                yield Severity.LOW, seen, "Name service or admin in it, if that is not meant."


class FileModes(Check):
    """Secrets and ledger are open to nobody else."""

    name, area = "file-modes", Area.ACCESS

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        said = [saying for each in deployment.files for saying in self._judged(each)]
        owners = sorted({each.owner for each in deployment.files} - {"root"})
        if len(owners) > 1:
            seen = f"Files of the deployment belong to several users ({', '.join(owners)}): each can change its part."
            said.append((Severity.LOW, seen, "Let root, or the user of the service, own all of them."))
        yield from said or [(Severity.INFO, "No file of the deployment is open to others.", "")]

    def _judged(self, each: FileFacts) -> Iterator[Saying]:
        what = f"The {each.kind} file {each.path}"
        if not each.is_seen:
            yield Severity.INFO, f"{what} was not looked at: this user may not.", ""
            return
        remedy = "chmod 600, and 700 for its folder." if each.is_secret else "chmod go-w, for its folder too."
        is_reached, beside = each.folder_mode & 0o001, "but for the mode of its folder"
        if each.open_folders:
            seen = f"{what} can be replaced by everybody, by way of {', '.join(each.open_folders)}."
            yield Severity.CRITICAL, seen, "chmod o-w for these folders."
        if each.mode & 0o002:
            severity = Severity.CRITICAL if is_reached else Severity.MEDIUM
            yield severity, f"{what} can be changed by everybody{'' if is_reached else f', {beside}'}.", remedy
        elif each.is_secret and each.mode & 0o007:
            severity = Severity.HIGH if is_reached else Severity.MEDIUM
            yield severity, f"{what} can be read by everybody{'' if is_reached else f', {beside}'}.", remedy
        elif each.kind == "database" and each.folder_mode & 0o002 and not each.open_folders:
            seen = f"Everybody can put files beside {each.path}, such as a -wal that is taken for its own."
            yield Severity.MEDIUM, seen, "Give it a folder of its own, of mode 700."
        elif (each.folder_mode & 0o010 and each.mode & 0o020) or each.folder_mode & 0o020:
            yield Severity.LOW, f"{what} can be changed by a group.", remedy.replace("go-w", "g-w")
        elif each.is_secret and each.folder_mode & 0o010 and each.mode & 0o040:
            yield Severity.LOW, f"{what} can be read by a group.", remedy


class CommandLine(Check):
    """No command shows a secret."""

    name, area = "command-line", Area.ACCESS

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        for each in deployment.secrets_in_commands:
            remedy = "Put it into the environment, or a file that its owner alone can read, and make a new one."
            yield Severity.HIGH, f"A running command shows a secret to all users of this host: {each}.", remedy
        if not deployment.secrets_in_commands:
            yield Severity.INFO, "No running command shows a secret.", ""


class Libraries(Check):
    """What is installed is what this version was made for."""

    name, area = "libraries", Area.DEPENDENCIES

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        for misfit in deployment.misfits:
            yield Severity.MEDIUM, f"A library is missing or of another version: {misfit}.", "Install from the lock."
        shown = ", ".join(f"{name} {version}" for name, version in deployment.versions.items())
        yield Severity.INFO, f"Versions: {shown}. Known vulnerabilities: not checked here; see `make security`.", ""


CHECKS: tuple[Check, ...] = (
    DatabaseRole(),
    DatabasePassword(),
    ErrorAnswers(),
    LogRedaction(),
    LogLevel(),
    BodyLimits(),
    Durability(),
    Ledger(),
    AuditTrail(),
    AuthSchemes(),
    Answers(),
    Process(),
    ServedVersion(),
    ApiTokens(),
    Issuer(),
    Keystone(),
    ClientCertificates(),
    Rules(),
    Origins(),
    FileModes(),
    CommandLine(),
    Libraries(),
    DatabaseVersion(),
    PythonVersion(),
    AskerBounds(),
    WorkBounds(),
    DatabaseBounds(),
    ServedEncryption(),
    DatabaseEncryption(),
    Certificates(),
)
