"""Every refusal: one class per meaning, with typed fields and one sentence; no status codes.

The second-level classes say what kind of "no" it is; the wire maps them to a status and a code in one table. Fragments
of some sentences are matched by existing Placement clients and are therefore part of the interface.
"""

from __future__ import annotations

from dataclasses import dataclass

from ullage.model.inventory import Misfit


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is answered with "no"."""

    def __post_init__(self) -> None:
        Exception.__init__(self, self.message)

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """One sentence for the asker; it names the field, the value and what would be accepted."""
        raise NotImplementedError  # every class below answers


class Missing(Refusal):
    """The thing addressed does not exist."""


class Unknown(Refusal):
    """A thing named in the request does not exist."""


class Unacceptable(Refusal):
    """The request breaks a rule of form."""


class Conflict(Refusal):
    """What is stored is not what the asker believed; reading again and asking again may help."""


class InUse(Refusal):
    """The thing cannot go, because others rest on it."""


class Exists(Refusal):
    """A thing of this name exists already."""


class DoesNotFit(Refusal):
    """A capacity or unit rule forbids it."""


class Denied(Refusal):
    """The asker may not do this."""


class Busy(Refusal):
    """The service cannot take this on now."""


# Missing


@dataclass(eq=False)
class ProviderMissing(Missing):
    uuid: str
    purpose: str = ""
    """What it was wanted for, such as "delete"; it ends the sentence."""

    @property
    def message(self) -> str:
        ending = f" for {self.purpose}" if self.purpose else ""
        return f"No resource provider with uuid {self.uuid} found{ending}"


@dataclass(eq=False)
class InventoryMissing(Missing):
    provider_uuid: str
    resource_class: str
    purpose: str = ""

    @property
    def message(self) -> str:
        if self.purpose:
            return f"No inventory of class {self.resource_class} found for {self.purpose}"
        return f"No inventory of class {self.resource_class} for {self.provider_uuid}"


@dataclass(eq=False)
class ResourceClassMissing(Missing):
    name: str

    @property
    def message(self) -> str:
        return f"No such resource class {self.name}."


@dataclass(eq=False)
class TraitMissing(Missing):
    name: str

    @property
    def message(self) -> str:
        return f"No such trait(s): {self.name}."


@dataclass(eq=False)
class AllocationsMissing(Missing):
    consumer_uuid: str

    @property
    def message(self) -> str:
        return f"No allocations for consumer '{self.consumer_uuid}'"


# Unknown


@dataclass(eq=False)
class UnknownProvider(Unknown):
    """A provider named in a claim or a reshape."""

    uuid: str

    @property
    def message(self) -> str:
        return f"Allocation for resource provider '{self.uuid}' that does not exist"


@dataclass(eq=False)
class UnknownParent(Unknown):
    uuid: str

    @property
    def message(self) -> str:
        return f"parent provider UUID does not exist: {self.uuid}"


@dataclass(eq=False)
class UnknownResourceClass(Unknown):
    name: str

    @property
    def message(self) -> str:
        return f"No such resource class {self.name}."


@dataclass(eq=False)
class UnknownTraits(Unknown):
    names: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"No such trait(s): {', '.join(self.names)}."


@dataclass(eq=False)
class InventoryNotOffered(Unknown):
    """An update of an inventory that the provider does not have."""

    provider_uuid: str
    resource_class: str

    @property
    def message(self) -> str:
        return f"No inventory record with resource class {self.resource_class} on provider {self.provider_uuid}"


# Unacceptable


@dataclass(eq=False)
class BadInput(Unacceptable):
    """A fault of form found on the way in; `text` is the whole sentence."""

    text: str

    @property
    def message(self) -> str:
        return self.text


@dataclass(eq=False)
class StandardNameFixed(Unacceptable):
    """`kind` is "resource class" or "trait"; `action` is "delete" or "update"."""

    kind: str
    name: str
    action: str

    @property
    def message(self) -> str:
        return f"Cannot {self.action} standard {self.kind} {self.name}."


@dataclass(eq=False)
class ReservedTooLarge(Unacceptable):
    provider_uuid: str
    resource_class: str
    may_equal: bool

    @property
    def message(self) -> str:
        relation = "greater than" if self.may_equal else "greater than or equal to"
        return (
            f"Invalid inventory for '{self.resource_class}' on resource provider '{self.provider_uuid}'. "
            f"The reserved value is {relation} total."
        )


@dataclass(eq=False)
class ProviderLoop(Unacceptable):
    uuid: str
    parent_uuid: str

    @property
    def message(self) -> str:
        return (
            f"creating loop in the provider tree is not allowed. Provider {self.uuid} "
            f"cannot be moved under {self.parent_uuid}, which is below it."
        )


@dataclass(eq=False)
class ProviderOwnParent(Unacceptable):
    uuid: str

    @property
    def message(self) -> str:
        return f"parent provider UUID cannot be same as UUID: {self.uuid}"


@dataclass(eq=False)
class ReparentingNotAllowed(Unacceptable):
    """`to_root`: the asker wanted to take the parent away."""

    uuid: str
    to_root: bool

    @property
    def message(self) -> str:
        verb = "un-parenting" if self.to_root else "re-parenting"
        return f"{verb} a provider is not currently allowed"


# Conflict


@dataclass(eq=False)
class ProviderGenerationConflict(Conflict):
    uuid: str
    actual: int
    given: int

    @property
    def message(self) -> str:
        return (
            f"resource provider generation conflict for {self.uuid}: actual: {self.actual}, given: {self.given}. "
            "Resource provider's generation already changed. Please update the generation and try again."
        )


@dataclass(eq=False)
class ConsumerGenerationConflict(Conflict):
    uuid: str
    expected: int | None
    given: int | None

    @property
    def message(self) -> str:
        expected = "null" if self.expected is None else self.expected
        given = "null" if self.given is None else self.given
        return f"consumer generation conflict - expected {expected} but got {given}"


@dataclass(eq=False)
class ConcurrentUpdate(Conflict):
    """The same rows were changed by others again and again while this was being decided."""

    @property
    def message(self) -> str:
        return "Update conflict: others kept changing the same data. Please retry your update"


# InUse


@dataclass(eq=False)
class InventoryInUse(InUse):
    provider_uuid: str
    resource_classes: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"Inventory for '{', '.join(self.resource_classes)}' on resource provider '{self.provider_uuid}' in use."


@dataclass(eq=False)
class ProviderHasAllocations(InUse):
    uuid: str

    @property
    def message(self) -> str:
        return f"Unable to delete resource provider {self.uuid}: Resource provider has allocations."


@dataclass(eq=False)
class ProviderHasChildren(InUse):
    uuid: str

    @property
    def message(self) -> str:
        return f"Unable to delete parent resource provider {self.uuid}: It has child resource providers."


@dataclass(eq=False)
class ResourceClassInUse(InUse):
    name: str

    @property
    def message(self) -> str:
        return f"Cannot delete resource class {self.name}. Class is in use in inventory."


@dataclass(eq=False)
class TraitInUse(InUse):
    name: str

    @property
    def message(self) -> str:
        return f"The trait {self.name} is in use by a resource provider."


# Exists


@dataclass(eq=False)
class ProviderExists(Exists):
    """`field` is "uuid" or "name", `value` the one that is taken."""

    field: str
    value: str

    @property
    def message(self) -> str:
        return f"Conflicting resource provider {self.field}: {self.value} already exists."


@dataclass(eq=False)
class InventoryExists(Exists):
    provider_uuid: str
    resource_class: str

    @property
    def message(self) -> str:
        return f"Update conflict: inventory of {self.resource_class} on provider {self.provider_uuid} already exists."


@dataclass(eq=False)
class ResourceClassExists(Exists):
    name: str

    @property
    def message(self) -> str:
        return f"Resource class already exists: {self.name}"


# DoesNotFit


@dataclass(eq=False)
class NoInventoryToAllocate(DoesNotFit):
    """The provider does not offer the class that a claim wants from it."""

    provider_uuid: str
    resource_class: str

    @property
    def message(self) -> str:
        return (
            f"Inventory for '{self.resource_class}' on resource provider '{self.provider_uuid}' invalid: "
            "the provider has no inventory of that class."
        )


@dataclass(eq=False)
class AmountDoesNotFit(DoesNotFit):
    """`misfit` says which rule; `capacity` and `used` (before the request) say how much there is."""

    provider_uuid: str
    resource_class: str
    amount: int
    misfit: Misfit
    capacity: int
    used: int

    @property
    def message(self) -> str:
        if self.misfit is Misfit.UNITS:
            rule = "The requested amount would violate inventory constraints"
        else:
            rule = "The requested amount would exceed the capacity"
        return (
            f"Unable to create allocation for '{self.resource_class}' on resource provider '{self.provider_uuid}'. "
            f"{rule}. (asked {self.amount}, capacity {self.capacity}, used {self.used})"
        )


# Denied and Busy


@dataclass(eq=False)
class NotPermitted(Denied):
    rule: str

    @property
    def message(self) -> str:
        return f"Policy does not allow {self.rule} to be performed."


@dataclass(eq=False)
class QueueFull(Busy):
    @property
    def message(self) -> str:
        return "Too many writes are waiting. Try again later."


@dataclass(eq=False)
class DeadlineExceeded(Busy):
    """The outcome is not known: the write may yet take effect."""

    seconds: float

    @property
    def message(self) -> str:
        return f"The write was not decided within {self.seconds:g} s. Read the current state before trying again."
