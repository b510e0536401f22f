"""The reply of GET /resource_providers, which may have a hundred thousand rows.

A provider is encoded once, with marks where providers differ, and each row fills in the marks: a fifth of what it costs
to make and encode its links. Rows are made as they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from ullage.api.http import Call, Response
from ullage.api.replies import encoded, in_chunks, provider_shape
from ullage.model.provider import Provider

ROWS = 128
"""How many rows are made at a time."""

_FIELDS = ("uuid", "name", "generation", "parent", "root")
_MARK = re.compile(r'"\\u0000(name|generation|parent)"|\\u0000(uuid|root)')
"""A place where providers differ: one that brings its own quotes, if it has any, or one within quotes."""

Row = tuple[Any, ...]


def providers(call: Call, shown: Iterable[Provider], changed_us: int) -> Response:
    """A list of providers; `changed_us`: when the newest of them changed (NOW: there are none)."""
    return in_chunks(call, chain(('{"resource_providers":[',), _texts(call, shown), ("]}",)), changed_us)


def _texts(call: Call, shown: Iterable[Provider]) -> Iterator[str]:
    text, in_place = _template(call)
    rows = map(text.__mod__, map(in_place, map(_row, shown)))
    comma = ""
    while some := ",".join(islice(rows, ROWS)):
        yield comma + some
        comma = ","


def _template(call: Call) -> tuple[str, Callable[[Row], Row]]:
    """The text of a provider at this version, and what puts a row's elements in the order of its marks."""
    marks: list[Any] = [f"\0{field}" for field in _FIELDS]  # no address has a NUL, not even one below a mount point
    sample = encoded(provider_shape(call)(Provider(*marks))).decode()
    places = [_FIELDS.index(match[1] or match[2]) for match in _MARK.finditer(sample)]
    return _MARK.sub("%s", sample.replace("%", "%%")), itemgetter(*places)


def _row(provider: Provider) -> Row:
    """Its fields in JSON, in the order of _FIELDS; a uuid needs no escapes, but a name may."""
    parent = "null" if provider.parent_uuid is None else f'"{provider.parent_uuid}"'
    return (provider.uuid, encoded(provider.name).decode(), provider.generation, parent, provider.root_uuid)
