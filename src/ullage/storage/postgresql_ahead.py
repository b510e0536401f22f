"""Statements for PostgreSQL that are sent before earlier ones were answered: libpq's pipeline, without a cursor each.

The driver's own pipeline and cursors took five times as long for the same statements (docs/decisions/0025). All here
are prepared, take their parameters as text, and are known by their whole text, with $1, $2, ... for the parameters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import READY_R, WAIT_R, WAIT_RW
from sqlalchemy import Connection

from ullage.storage.patience import Patient

_PIPELINE = "ullage_pipeline"
_PREPARED = "ullage_prepared"
_FAILED = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE})


@contextmanager
def ahead(connection: Connection) -> Iterator[None]:
    """While it lasts, `cursor` has one to give; in the end all that was sent has been answered.

    Raises psycopg.Error for what went wrong first.
    """
    info = connection.info
    queue = info[_PIPELINE] = Ahead(Patient.of(connection), info.setdefault(_PREPARED, {}))
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # what went wrong first is on its way already
            queue.end()
        raise
    else:
        queue.end()
    finally:
        info.pop(_PIPELINE, None)


def cursor(connection: Connection) -> Later | None:
    """What stands for a cursor within `ahead`; None elsewhere."""
    queue = connection.info.get(_PIPELINE)
    return None if queue is None else Later(queue)


class Later:
    """What stands for a driver's cursor: the statement is sent at once, its answer is waited for when it is asked."""

    __slots__ = ("_ahead", "result")

    def __init__(self, ahead: Ahead) -> None:
        self._ahead = ahead
        self.result: PGresult | None = None

    def execute(self, text: str, parameters: Sequence[Any]) -> None:
        """See Ahead.send."""
        self._ahead.send(text, parameters, self)

    def fetchall(self) -> Sequence[Any]:
        """All rows; none if there were none to give. Raises what went wrong, with whichever statement."""
        if self.result is None:
            self._ahead.receive(self)
        return () if self.result is None else self._ahead.rows(self.result)


class Ahead:
    """A pipeline: the statements of one connection that were sent and not answered yet."""

    def __init__(self, driver: Patient, prepared: dict[str, bytes]) -> None:
        """`prepared`: the names of what the server has prepared for this connection, by text; grows."""
        self._driver = driver
        self._libpq = driver.pgconn
        self._prepared = prepared
        self._preparing: dict[str, bytes] = {}
        self._awaited: deque[Later | str] = deque()
        """What the next answers are to: statements, and texts that are being prepared."""
        self._is_to_flush = False
        self._error: psycopg.Error | None = None
        """What went wrong first."""
        self._transformer = Transformer.from_context(driver)
        self._libpq.enter_pipeline_mode()

    def send(self, text: str, parameters: Sequence[Any], later: Later) -> None:
        """Send a statement, with what it takes to prepare it if the server does not know it yet."""
        name = self._prepared.get(text) or self._preparing.get(text) or self._prepare(text)
        self._libpq.send_query_prepared(name, [_dumped(each) for each in parameters])
        self._awaited.append(later)
        self._is_to_flush = True

    def receive(self, later: Later) -> None:
        """Wait for the answer to a statement, or, to one that was never sent, for all answers."""
        if self._is_to_flush:
            self._flush()
        self._driver.wait(self._received(later))
        self._raise_error()

    def rows(self, result: PGresult) -> Sequence[Any]:
        """The rows of an answer, each a tuple."""
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def end(self) -> None:
        """Wait for all that was sent; raises what went wrong with any of it, once the connection is good for more."""
        try:
            self._libpq.pipeline_sync()
            self._driver.wait(self._received(None))
            self._libpq.exit_pipeline_mode()
        except BaseException:
            self._driver.close()  # whatever is on its way, nobody can tell what it is an answer to
            raise
        self._raise_error()

    def _flush(self) -> None:
        """Have the server answer all that was sent so far."""
        self._libpq.send_flush_request()
        self._is_to_flush = False

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _prepare(self, text: str) -> bytes:
        name = self._preparing[text] = f"u{len(self._prepared) + len(self._preparing)}".encode()
        self._libpq.send_prepare(name, text.encode())
        self._awaited.append(text)
        return name

    def _received(self, until: Later | None) -> PQGen[None]:
        """Take answers until that to a statement, or one that failed; with None, all until the pipeline's end."""
        libpq, awaited = self._libpq, self._awaited
        while libpq.flush():
            if (yield WAIT_RW) & READY_R:
                libpq.consume_input()
        while until is None or (awaited and self._error is None):
            while libpq.is_busy():
                if until is not None and until.result is not None:
                    return  # what came with it has been taken, too
                yield WAIT_R
                libpq.consume_input()
            result = libpq.get_result()
            if result is None:
                raise psycopg.OperationalError("the connection was lost")
            if result.status == ExecStatus.PIPELINE_SYNC:
                return
            if not awaited:
                raise _error(result)  # libpq's own: it has lost the connection
            libpq.get_result()  # an answer is followed by an empty one
            self._take(result, awaited.popleft())

    def _take(self, result: PGresult, answered: Later | str) -> None:
        if result.status in _FAILED:
            self._error = self._error or _error(result)
        elif result.status == ExecStatus.PIPELINE_ABORTED:
            pass  # it was sent after one that failed, and not executed
        elif isinstance(answered, Later):
            answered.result = result
        else:
            self._prepared[answered] = self._preparing.pop(answered)


def _error(result: PGresult) -> psycopg.Error:
    if result.error_field(DiagnosticField.SQLSTATE) is None:  # libpq says it, not the server
        return psycopg.OperationalError(result.get_error_message())
    return error_from_result(result)


def _dumped(value: Any) -> bytes | None:
    """A parameter as the server reads it, whatever its type there."""
    if value is None:
        return None
    text = str(value)
    if "\0" in text:  # libpq would take it for the end
        raise psycopg.DataError("PostgreSQL's texts cannot hold a NUL character")
    return text.encode()
