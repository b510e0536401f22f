"""The checks of the database: role, password, what it keeps, limits, encryption."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from ullage.review.check import NO_DATABASE, ROLE_REMEDY, Check, DatabaseCheck, Saying
from ullage.review.deployment import Deployment, is_loopback
from ullage.review.report import Area, Severity
from ullage.storage.privileges import DatabaseFacts


class DatabaseRole(Check):
    """The role of the running service may do no more than it needs."""

    name, area = "database-role", Area.INJECTION
    SHOWN_MAX = 8

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        database = deployment.database
        if database is None:
            yield Severity.MEDIUM, NO_DATABASE, "See to it that the database answers, and review again."
        elif database.host is None:
            yield Severity.INFO, "A SQLite file has no roles; the modes of the file stand in their place.", ""
        elif database.is_superuser:
            yield Severity.CRITICAL, f"The role {database.role} is a superuser of the database server.", ROLE_REMEDY
        else:
            yield from self._of_role(database)

    def _of_role(self, database: DatabaseFacts) -> Iterator[Saying]:
        role, excess = database.role, database.excess
        if database.powers:
            yield (
                Severity.HIGH,
                f"The role {role} reaches beyond its database: {', '.join(database.powers)}.",
                ROLE_REMEDY,
            )
        if database.may_change_schema:
            yield Severity.MEDIUM, f"The role {role} may change the schema.", ROLE_REMEDY
        elif excess:
            more = f" and {len(excess) - self.SHOWN_MAX} more" if len(excess) > self.SHOWN_MAX else ""
            seen = f"The role {role} has what the service does not need: {', '.join(excess[: self.SHOWN_MAX])}{more}."
            yield Severity.MEDIUM, seen, ROLE_REMEDY
        if not (database.powers or database.may_change_schema or excess):
            yield Severity.INFO, f"The role {role} may only read and write rows.", ""


class DatabasePassword(DatabaseCheck):
    """The database lets the role in for its password alone."""

    name, area = "database-password", Area.ACCESS

    def judge(self, database: DatabaseFacts, deployment: Deployment) -> Iterator[Saying]:
        if database.host is None:
            yield Severity.INFO, "A SQLite file has no password.", ""
        elif database.takes_any_password:
            remedy = "Have the server ask for it: scram-sha-256 in pg_hba.conf; in MariaDB give the user one."
            yield (
                Severity.HIGH,
                f"The database lets in the role {database.role} with any password, or with none.",
                remedy,
            )
        elif database.is_password_weak:
            seen = f"The password of the role {database.role} can be guessed: it is short, or a name."
            yield Severity.MEDIUM, seen, "Give it one of 24 random letters, in a file (database_file)."
        else:
            yield Severity.INFO, "The database lets nobody in with a wrong password.", ""


class Durability(DatabaseCheck):
    """The database keeps what it has answered."""

    name, area = "durability", Area.TRANSACTIONS
    NOT_KEPT = ("tmpfs", "ramfs")
    OVER_A_NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.", "ceph", "gluster", "afs")

    def judge(self, database: DatabaseFacts, deployment: Deployment) -> Iterator[Saying]:
        if deployment.filesystem in self.NOT_KEPT:
            seen = f"The database is in memory ({deployment.filesystem}): it is lost when the machine stops."
            yield Severity.HIGH, seen, "Put it on a disk."
        elif deployment.filesystem.startswith(self.OVER_A_NETWORK):
            seen = f"The database is on a network file system ({deployment.filesystem}): locks may not hold there."
            yield Severity.HIGH, seen, "Put it on a disk of this machine, or use PostgreSQL or MariaDB."
        elif database.weak_settings:
            said = ", ".join(f"{name} = {value}" for name, value in database.weak_settings.items())
            yield Severity.HIGH, f"A crash can lose what was answered: {said}.", "Set them back to on (MariaDB: 1)."
        else:
            yield Severity.INFO, "The database keeps what it has answered.", ""


class Ledger(DatabaseCheck):
    """The schema is this version's, and the sums agree."""

    name, area = "ledger", Area.TRANSACTIONS

    def judge(self, database: DatabaseFacts, deployment: Deployment) -> Iterator[Saying]:
        if database.schema_problem:
            yield Severity.HIGH, f"{database.schema_problem}.", "Run `ullage db upgrade`, and grant the tables anew."
        elif database.breaches:
            yield Severity.CRITICAL, f"The ledger disagrees with itself: {database.breaches}.", "Run `ullage check`."
        else:
            yield Severity.INFO, "The ledger agrees with itself.", ""


class DatabaseBounds(DatabaseCheck):
    """No statement holds a connection for good, and there are enough connections."""

    name, area = "database-bounds", Area.EXHAUSTION
    FURTHER_CONNECTIONS = 2
    """Of each worker beside those of its threads: one to read what changed, one to write."""

    def judge(self, database: DatabaseFacts, deployment: Deployment) -> Iterator[Saying]:
        chosen = deployment.settings
        for name in database.limits_off:
            remedy = "Leave it out of the address of the database."
            yield Severity.MEDIUM, f"{name} is off: one statement or lock can hold a connection for good.", remedy
        needed = chosen.workers * (chosen.threads + self.FURTHER_CONNECTIONS)
        has_enough = database.connections_max is None or needed <= database.connections_max
        if not has_enough:
            seen = f"{needed} connections may be needed, and the database has {database.connections_max} for the role."
            yield Severity.MEDIUM, seen, "Raise its limit of connections, or lower workers or threads."
        if has_enough and not database.limits_off:
            yield Severity.INFO, "Statements have a time limit, and there are enough connections.", ""


class DatabaseEncryption(Check):
    """The database is who it says, and nobody listens."""

    name, area = "database-tls", Area.ENCRYPTION

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        database = deployment.database
        if database is None and self._is_asked_for_plainly(deployment.settings.database):
            seen = "The address or database_tls asks for a connection to the database that proves nothing."
            yield Severity.HIGH, seen, "Leave database_tls at auto: see docs/operating/databases.md."
        elif database is None:
            yield Severity.INFO, NO_DATABASE, ""
        elif not database.host or is_loopback(database.host):
            yield Severity.INFO, "The database is on this machine.", ""
        elif not database.is_encrypted:
            remedy = "Ask for TLS in the address of the database: database_tls in docs/operating/databases.md."
            yield Severity.HIGH, "The connection to the database is not encrypted.", remedy
        elif not database.verifies_server:
            remedy = "Have certificate and name of the server verified: database_tls in docs/operating/databases.md."
            yield Severity.MEDIUM, "The database server is not asked to prove who it is.", remedy
        else:
            yield Severity.INFO, "The connection to the database is encrypted, and the server verified.", ""

    def _is_asked_for_plainly(self, url: str) -> bool:
        address = urlsplit(url)
        modes = {mode for name in ("tls", "sslmode") for mode in parse_qs(address.query).get(name, ())}
        plain = modes & {"off", "require", "disable", "allow", "prefer"}
        return bool(address.hostname) and not is_loopback(address.hostname or "") and bool(plain)
