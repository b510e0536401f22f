"""Transactions: the one way to read, the one way to write, and the only retry loop."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ullage.model.errors import ConcurrentUpdate
from ullage.storage.dialect import Dialect
from ullage.storage.dialects import read_url
from ullage.storage.trouble import (
    CommitUnknown,
    ConnectionLost,
    NotAllowed,
    Outdated,
    StatementEnded,
    StorageUnavailable,
)

T = TypeVar("T")

WRITING_POOL_SIZE = 1
"""One committer writes for a whole process; what an admin command does besides is an overflow of the pool."""
PAUSE_SECONDS_FIRST = 0.005
PAUSE_SECONDS_MAX = 0.5

_log = logging.getLogger(__name__)
_chance = random.SystemRandom()  # only spreads retries in time; no outcome depends on it


class Store:
    """A database. Nothing connects before the first use; after that threads may share it, forked processes may not."""

    def __init__(self, dialect: Dialect, url: URL, pool_size: int) -> None:
        self.dialect = dialect
        self.engine = dialect.engine(url, pool_size)
        """For transactions that read."""
        self.writing_engine = dialect.engine(url, WRITING_POOL_SIZE, writes=True)
        self._url = url
        self._turn = dialect.turns(url)

    @staticmethod
    def open(url: str, *, pool_size: int = 16) -> Store:
        """The store at `url` (sqlite:///FILE, postgresql://..., mysql://... or mariadb://...).

        `pool_size`: how many connections are kept for reading. Raises BadDatabaseUrl, or StorageUnavailable for a
        missing folder.
        """
        dialect, parsed = read_url(url)
        return Store(dialect, parsed, pool_size)

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection on which every SELECT sees the same snapshot, taken no earlier than now.

        Besides what the statements raise: StorageUnavailable, StatementEnded, NotAllowed.
        """
        return self._reading(self.dialect.begin_reading)

    def looking(self) -> AbstractContextManager[Connection]:
        """A connection for a single SELECT, which is its own snapshot and needs no transaction around it."""
        return self._reading(())

    @contextmanager
    def hearing(self) -> Iterator[Connection]:
        """The same for `Statement`s alone that are the same again and again: where it pays, they are prepared."""
        with self.looking() as connection, self.dialect.ahead(connection):
            yield connection

    @contextmanager
    def _reading(self, begin: tuple[str, ...]) -> Iterator[Connection]:
        try:
            with self._transaction(self.engine, begin) as connection:
                yield connection
        except DBAPIError as error:
            if self.dialect.is_retryable(error):
                raise StatementEnded(self._reason(error)) from None
            raise

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end and rolled back on any exception.

        Besides what the statements raise: StorageUnavailable, StatementEnded, NotAllowed (nothing was changed) or
        CommitUnknown.
        """
        with self._turn(), self._transaction(self.writing_engine, self.dialect.begin_writing) as connection:
            yield connection
            self._commit(connection)

    @contextmanager
    def writing_ahead(self) -> Iterator[Connection]:
        """The same for `Statement`s alone: where the driver can, they are sent before earlier ones were answered.

        BEGIN and COMMIT are sent like the rest, so that what is wrong with them shows later.
        """
        is_committing = False
        with self._turn(), self._guarded(self._connected(self.writing_engine, ())) as connection:
            try:
                with self.dialect.ahead(connection):
                    self.dialect.begin_ahead(connection)
                    yield connection
                    is_committing = True
                    self._commit(connection)
            except DBAPIError as error:
                if is_committing and self.dialect.is_commit_unknown(error):
                    raise CommitUnknown(f"The connection to {self._place} broke during a commit") from error
                raise

    def upgrade(self, now_us: int | None = None) -> None:
        """Create or upgrade the schema and bring the standard names up to date; quick when there is nothing to do.

        Safe on several hosts at once. `now_us`: the time to record, in microseconds since 1970 (default: the clock's).
        Raises StorageUnavailable, ServerUnfit, SchemaTooNew, NotAllowed.
        """
        from ullage.storage.upgrade import upgrade  # here, because Alembic is slow to import and seldom needed

        upgrade(self, time.time_ns() // 1000 if now_us is None else now_us)

    def close(self) -> None:
        """Close all connections; the store may be used again and then connects anew."""
        self.engine.dispose()
        self.writing_engine.dispose()

    @contextmanager
    def upgrading(self) -> Iterator[Connection]:
        """Like `writing`, in the only process on any host that is upgrading this database."""
        with self.writing() as connection, self.dialect.upgrade_lock(connection):
            yield connection

    def prepare(self) -> None:
        """Raise ServerUnfit if the database cannot keep Ullage's promises; make settings that last."""
        with self._guarded(self._connected(self.writing_engine, ())) as connection:
            self.dialect.prepare(connection)

    @contextmanager
    def _transaction(self, engine: Engine, begin: tuple[str, ...]) -> Iterator[Connection]:
        with self._guarded(self._begun(engine, begin)) as connection:
            yield connection

    @contextmanager
    def _guarded(self, connection: Connection) -> Iterator[Connection]:
        try:
            yield connection
        except DBAPIError as error:
            if self.dialect.is_disconnect(error):
                connection.engine.dispose()  # what cut this one has most often cut all others of the pool
                raise ConnectionLost(self._reason(error)) from error
            self._tell(error)
            raise
        finally:
            _release(connection)

    def _begun(self, engine: Engine, begin: tuple[str, ...]) -> Connection:
        try:
            return self._connected(engine, begin)
        except DBAPIError as error:
            if not self.dialect.is_disconnect(error):
                raise
        # The server had closed a connection of the pool, which has been emptied by that.
        try:
            return self._connected(engine, begin)
        except DBAPIError as error:
            if not self.dialect.is_disconnect(error):
                raise
            raise StorageUnavailable(self._reason(error)) from error

    def _connected(self, engine: Engine, begin: tuple[str, ...]) -> Connection:
        try:
            connection = engine.connect()
        except (DBAPIError, InvalidRequestError, PoolTimeout, UnicodeError) as error:
            if self.dialect.is_retryable(error):
                raise
            raise StorageUnavailable(self._reason(error)) from error
        try:
            for statement in begin:
                connection.exec_driver_sql(statement)
        except BaseException as error:
            _release(connection)
            self._tell(error)
            raise
        return connection

    def _tell(self, error: BaseException) -> None:
        """Raise what an operator has to see to, without its cause: that holds the statement, and logs show causes."""
        if isinstance(error, DBAPIError) and self.dialect.is_forbidden(error):
            raise NotAllowed(f"Cannot use {self._place}: {self.dialect.denied(error)}") from None
        if self.dialect.is_ended(error):
            raise StatementEnded(self._reason(error)) from None

    def _commit(self, connection: Connection) -> None:
        try:
            self.dialect.commit(connection)
        except DBAPIError as error:
            if self.dialect.is_commit_unknown(error):
                raise CommitUnknown(f"The connection to {self._place} broke during a commit") from error
            raise

    @property
    def _place(self) -> str:
        host = f"{self._url.host or 'local'}:{self._url.port or 'default'}, " if self._url.host else ""
        return f"the {self.dialect.name} database ({host}{self._url.database})"

    def _reason(self, error: BaseException) -> str:
        said = self.dialect.said(error)
        if self._url.password:
            said = said.replace(str(self._url.password), "***")
        return f"Cannot use {self._place}: {said}"


def _release(connection: Connection) -> None:
    try:
        connection.close()  # rolls back what was not committed
    except DBAPIError:
        if not connection.closed:
            connection.invalidate()
            connection.close()


def run(store: Store, operation: Callable[[Connection], T], attempts: int = 10) -> T:
    """What `operation` returns in a writing transaction of its own, once that is committed.

    It is called again, in a new transaction, as long as only others are to blame for its failure, or it raises
    Outdated. After `attempts` it raises ConcurrentUpdate (what it rests on kept changing), StatementEnded (locks, a
    deadlock) or ConnectionLost; StorageUnavailable, StatementEnded for its time, and CommitUnknown at once.
    """

    def attempt() -> T:
        with store.writing() as connection:
            return operation(connection)

    return again(store.dialect, attempt, attempts)


def again(dialect: Dialect, action: Callable[[], T], attempts: int) -> T:
    """Repeat `action` while it fails for reasons that pass; `run` is this for one transaction."""
    for number in range(1, attempts + 1):
        try:
            return action()
        except StatementEnded as error:
            _log.warning("%s", error)  # by now, whoever asked for it may have been answered and gone
            raise
        except (DBAPIError, Outdated, ConnectionLost) as error:
            if isinstance(error, DBAPIError) and not dialect.is_retryable(error):
                raise
            if dialect.has_waited(error):
                _log.warning("The %s database let a write wait in vain: %s", dialect.name, dialect.said(error))
            if number == attempts:
                raise _given_up(dialect, error, attempts) from None
        time.sleep(_chance.uniform(0.5, 1) * min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_FIRST * 2 ** (number - 1)))
    raise ValueError("at least one attempt must be made")


def _given_up(dialect: Dialect, error: Exception, attempts: int) -> Exception:
    if isinstance(error, DBAPIError):
        said = dialect.said(error)
        return StatementEnded(f"Others were in the way in the {dialect.name} database {attempts} times: {said}")
    return ConcurrentUpdate() if isinstance(error, Outdated) else error
