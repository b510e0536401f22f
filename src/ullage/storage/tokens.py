"""API tokens as rows. Each change is a transaction of its own, by a writer that begins and ends there."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ullage.model.origin import Origin
from ullage.model.token import PREFIX, RANDOM_BYTES, ApiToken, digest
from ullage.storage.audit.chain import Detail, Whole, write_by_itself
from ullage.storage.audit.entries import Change
from ullage.storage.audit.tokens_told import KIND, told
from ullage.storage.tables import horizon, tokens
from ullage.storage.trouble import NotAllowed
from ullage.storage.unit import Store, run

T = TypeVar("T")


def create(
    store: Store,
    origin: Origin,
    user: str,
    project: str | None,
    roles: frozenset[str],
    expires_us: int,
    detail: Detail = Detail.NAMES,
) -> tuple[ApiToken, str]:
    """A new token and its text, which nobody can find out later.

    Raises NotAllowed, and what a writing transaction raises.
    """
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    now_us = time.time_ns() // 1000
    new = ApiToken(0, user, project, roles, now_us, expires_us)
    return _run(store, lambda connection: _insert(connection, origin, new, digest(text)), detail), text


def create_first(
    store: Store,
    origin: Origin,
    user: str,
    roles: frozenset[str],
    expires_us: int,
    detail: Detail = Detail.NAMES,
) -> str | None:
    """The text of a token of no project that was made because there was none; None if there is one, even expired.

    Of hosts that ask at the same time, one is given a text. Raises NotAllowed, and what a writing transaction raises.
    """
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    new = ApiToken(0, user, None, roles, time.time_ns() // 1000, expires_us)

    def write(connection: Connection) -> tuple[str | None, Whole | None]:
        # Whoever else is here waits at this row until we have committed, and on a cluster fails. Readers rebuild, once.
        connection.execute(update(horizon).values(epoch=horizon.c.epoch + 1))
        if _is_any(connection):
            return None, None
        return text, _insert(connection, origin, new, digest(text))[1]

    with store.looking() as connection:
        if _is_any(connection):
            return None
    return _run(store, write, detail)


def revoke(store: Store, origin: Origin, key: int, detail: Detail = Detail.NAMES) -> ApiToken | None:
    """Forget a token; it as it was, or None if there is none.

    Raises NotAllowed, and what a writing transaction raises.
    """
    now_us = time.time_ns() // 1000

    def write(connection: Connection) -> tuple[ApiToken | None, Whole | None]:
        row = connection.execute(select(tokens).where(tokens.c.id == key)).one_or_none()
        if row is None or not connection.execute(delete(tokens).where(tokens.c.id == key)).rowcount:
            return None, None
        gone = _token(row)
        return gone, _write(connection, origin, now_us, "RevokeToken", Change(KIND, str(key), told(row), None))

    return _run(store, write, detail)


def every(connection: Connection) -> list[ApiToken]:
    """All tokens that were not revoked, expired ones included, oldest first."""
    return [_token(row) for row in connection.execute(select(tokens).order_by(tokens.c.id))]


def find(connection: Connection, its_digest: str) -> ApiToken | None:
    """The token of this digest, expired or not; None if there is none, or no longer."""
    row = connection.execute(_FIND, {"its_digest": its_digest}).one_or_none()
    return None if row is None else _token(row)


def _is_any(connection: Connection) -> bool:
    return connection.execute(select(tokens.c.id).limit(1)).first() is not None


def _run(store: Store, write: Callable[[Connection], tuple[T, Whole | None]], detail: Detail) -> T:
    """Do it, and tell the log stream once it is committed."""
    try:
        result, written = run(store, write)
    except NotAllowed as error:
        raise NotAllowed(
            "This role may not write the table of tokens; the role that owns the tables makes and revokes them"
        ) from error
    if written is not None:
        written.tell(detail)
    return result


def _insert(connection: Connection, origin: Origin, new: ApiToken, its_digest: str) -> tuple[ApiToken, Whole]:
    values = {"user": new.user, "project": new.project, "roles": ",".join(sorted(new.roles))}
    times = {"created_us": new.created_us, "updated_us": new.created_us, "expires_us": new.expires_us}
    row = connection.execute(insert(tokens).values(digest=its_digest, **values, **times).returning(tokens)).one()
    made = replace(new, id=row.id)
    change = Change(KIND, str(made.id), None, told(row))
    return made, _write(connection, origin, new.created_us, "CreateToken", change)


_FIND = select(tokens).where(tokens.c.digest == bindparam("its_digest"))


def _token(row: Any) -> ApiToken:
    roles = frozenset(filter(None, row.roles.split(",")))
    return ApiToken(row.id, row.user, row.project, roles, row.created_us, row.expires_us)


def _write(connection: Connection, origin: Origin, now_us: int, command: str, change: Change) -> Whole:
    return write_by_itself(connection, now_us, command, [change], origin)
