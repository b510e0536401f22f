"""Every refusal: one class per meaning, with typed fields and one sentence; no status codes.

The classes of `refusal` (re-exported here) say what kind of "no" each is; the wire maps them to a status and a code by
one table. Fragments of some sentences are matched by Placement clients and are therefore part of the interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ullage.model.inventory import Inventory, Misfit
from ullage.model.refusal import Busy as Busy
from ullage.model.refusal import Conflict as Conflict
from ullage.model.refusal import Denied as Denied
from ullage.model.refusal import DoesNotFit as DoesNotFit
from ullage.model.refusal import Exists as Exists
from ullage.model.refusal import InUse as InUse
from ullage.model.refusal import Missing as Missing
from ullage.model.refusal import Refusal as Refusal
from ullage.model.refusal import Unacceptable as Unacceptable
from ullage.model.refusal import Unknown as Unknown

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
    sentence: ClassVar[str] = "No such resource class {name}."


@dataclass(eq=False)
class TraitMissing(Missing):
    name: str
    sentence: ClassVar[str] = "No such trait(s): {name}."


@dataclass(eq=False)
class AllocationsMissing(Missing):
    consumer_uuid: str
    sentence: ClassVar[str] = "No allocations for consumer '{consumer_uuid}'"


# Unknown


@dataclass(eq=False)
class UnknownProvider(Unknown):
    """A provider named in a claim or a reshape."""

    uuid: str
    sentence: ClassVar[str] = "Allocation for resource provider '{uuid}' that does not exist"


@dataclass(eq=False)
class UnknownReshapedProvider(Unknown):
    """A provider whose inventories a reshape shall replace."""

    uuid: str
    sentence: ClassVar[str] = "Resource provider {uuid} in inventories not found"


@dataclass(eq=False)
class UnknownParent(Unknown):
    uuid: str
    sentence: ClassVar[str] = "parent provider UUID does not exist: {uuid}"


@dataclass(eq=False)
class UnknownResourceClass(Unknown):
    name: str
    place: str = ""
    """Where it was named, such as "inventory"."""

    @property
    def message(self) -> str:
        beginning = f"Unknown resource class in {self.place}: " if self.place else ""
        return f"{beginning}No such resource class {self.name}."


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
    sentence: ClassVar[str] = "No inventory record with resource class {resource_class} on provider {provider_uuid}"


# Unacceptable


@dataclass(eq=False)
class BadInput(Unacceptable):
    """A fault of form found on the way in; `text` is the whole sentence."""

    text: str
    sentence: ClassVar[str] = "{text}"


@dataclass(eq=False)
class RepeatedQuestion(BadInput):
    """What may be asked once was asked again."""


@dataclass(eq=False)
class BadQuestion(BadInput):
    """Parts of a question that do not go together, or a part that no question can have."""


@dataclass(eq=False)
class MissingQuestion(BadInput):
    """A question that lacks what makes it one."""


@dataclass(eq=False)
class StandardNameFixed(Unacceptable):
    """`kind` is "resource class" or "trait"; `action` is "delete" or "update"."""

    kind: str
    name: str
    action: str
    sentence: ClassVar[str] = "Cannot {action} standard {kind} {name}."


@dataclass(eq=False)
class ReservedTooLarge(Unacceptable):
    """Nothing would be left to offer, or (`may_equal`) less than nothing: by `reserved` or by the ratio."""

    provider_uuid: str
    resource_class: str
    may_equal: bool
    inventory: Inventory

    @property
    def message(self) -> str:
        relation = "greater than" if self.may_equal else "greater than or equal to"
        offered = self.inventory
        return (
            f"Invalid inventory for '{self.resource_class}' on resource provider '{self.provider_uuid}'. "
            f"The reserved value is {relation} total. (total {offered.total}, reserved {offered.reserved}, "
            f"allocation_ratio {offered.allocation_ratio:g}: a capacity of {offered.capacity})"
        )


@dataclass(eq=False)
class ProviderLoop(Unacceptable):
    uuid: str
    parent_uuid: str

    sentence: ClassVar[str] = (
        "creating loop in the provider tree is not allowed. "
        "Provider {uuid} cannot be moved under {parent_uuid}, which is itself or below it."
    )


@dataclass(eq=False)
class ProviderOwnParent(Unacceptable):
    uuid: str
    sentence: ClassVar[str] = "parent provider UUID cannot be same as UUID: {uuid}"


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

    sentence: ClassVar[str] = (
        "resource provider generation conflict for {uuid}: actual: {actual}, given: {given}. "
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

    sentence: ClassVar[str] = "Update conflict: others kept changing the same data. Please retry your update"


# InUse


@dataclass(eq=False)
class InventoryInUse(InUse):
    provider_uuid: str
    resource_classes: tuple[str, ...]

    @property
    def message(self) -> str:
        classes = ", ".join(self.resource_classes)  # Nova looks for the words up to "in use"
        return f"update conflict: Inventory for '{classes}' on resource provider '{self.provider_uuid}' in use."


@dataclass(eq=False)
class OneInventoryInUse(InUse):
    """The same when one inventory was to be deleted by its name: the wire gives it another code."""

    provider_uuid: str
    resource_class: str
    sentence: ClassVar[str] = "Inventory for '{resource_class}' on resource provider '{provider_uuid}' in use."


@dataclass(eq=False)
class ProviderHasAllocations(InUse):
    uuid: str
    sentence: ClassVar[str] = "Unable to delete resource provider {uuid}: Resource provider has allocations."


@dataclass(eq=False)
class ProviderHasChildren(InUse):
    uuid: str
    sentence: ClassVar[str] = "Unable to delete parent resource provider {uuid}: It has child resource providers."


@dataclass(eq=False)
class ResourceClassInUse(InUse):
    name: str
    sentence: ClassVar[str] = "Cannot delete resource class {name}. Class is in use in inventory."


@dataclass(eq=False)
class TraitInUse(InUse):
    name: str
    sentence: ClassVar[str] = "The trait {name} is in use by a resource provider."


# Exists


@dataclass(eq=False)
class ProviderExists(Exists):
    """`field` is "uuid" or "name", `value` the one that is taken."""

    field: str
    value: str
    sentence: ClassVar[str] = "Conflicting resource provider {field}: {value} already exists."


@dataclass(eq=False)
class InventoryExists(Exists):
    provider_uuid: str
    resource_class: str
    sentence: ClassVar[str] = (
        "Update conflict: inventory of {resource_class} on provider {provider_uuid} already exists."
    )


@dataclass(eq=False)
class ResourceClassExists(Exists):
    """`renaming`: another class was to get this name."""

    name: str
    renaming: bool = False

    @property
    def message(self) -> str:
        beginning = "Resource" if self.renaming else "Conflicting resource"
        return f"{beginning} class already exists: {self.name}"


# DoesNotFit


@dataclass(eq=False)
class NoInventoryToAllocate(DoesNotFit):
    """The provider does not offer the class that a claim wants from it."""

    provider_uuid: str
    resource_class: str

    sentence: ClassVar[str] = (
        "Inventory for '{resource_class}' on resource provider '{provider_uuid}' invalid: "
        "the provider has no inventory of that class."
    )


@dataclass(eq=False)
class AmountDoesNotFit(DoesNotFit):
    """`misfit` says which rule.

    For UNITS, `amount` is that of the one row; for CAPACITY, the sum that the whole request asks for beside `used`,
    which is what others hold.
    """

    provider_uuid: str
    resource_class: str
    amount: int
    misfit: Misfit
    inventory: Inventory
    used: int

    @property
    def message(self) -> str:
        offered = self.inventory
        if self.misfit is Misfit.UNITS:
            rule = "The requested amount would violate inventory constraints."
            numbers = f"min_unit {offered.min_unit}, max_unit {offered.max_unit}, step_size {offered.step_size}"
        else:
            rule = "The requested amount would exceed the capacity."
            numbers = f"capacity {offered.capacity}, used {self.used}"
        return (
            f"Unable to create allocation for '{self.resource_class}' on resource provider '{self.provider_uuid}'. "
            f"{rule} (asked {self.amount}; {numbers})"
        )


# Denied and Busy


@dataclass(eq=False)
class NotPermitted(Denied):
    rule: str
    sentence: ClassVar[str] = "Policy does not allow {rule} to be performed."


@dataclass(eq=False)
class QueueFull(Busy):
    sentence: ClassVar[str] = "Too many writes are waiting. Try again later."


@dataclass(eq=False)
class DeadlineExceeded(Busy):
    """The outcome is not known: the write may yet take effect."""

    seconds: float
    sentence: ClassVar[str] = (
        "The write was not decided within {seconds:g} s. Read the current state before trying again."
    )
