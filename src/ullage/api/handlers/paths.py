"""What paths name, and bodies about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from ullage.api.bodies import shape_at
from ullage.api.decoding import Shape
from ullage.api.http import Call, WouldWait
from ullage.api.uuids import from_dashed
from ullage.api.versions import Since
from ullage.model.errors import BadInput, ProviderMissing
from ullage.model.names import NAME_LENGTH_MAX
from ullage.operations import providers

Some = TypeVar("Some")


def provider_uuid(call: Call, purpose: str = "") -> str:
    """The provider that the path names; raises ProviderMissing for what can be no provider's uuid."""
    text = call.parameters["uuid"]
    uuid = from_dashed(text)
    if uuid is None:
        raise ProviderMissing(text[:NAME_LENGTH_MAX], purpose)
    return uuid


def body(call: Call, table: Since[Shape[Some]]) -> Some:
    """The call's body in the shape of its version; raises BadInput."""
    return shape_at(table, call.version).decode(call.request.body)


@contextmanager
def about_provider(call: Call, uuid: str) -> Iterator[None]:
    """Of a body that is malformed, that its provider does not exist is said first."""
    try:
        yield
    except BadInput as fault:
        if not call.may_wait:
            raise WouldWait from fault
        providers.show(call.service, uuid)
        raise
