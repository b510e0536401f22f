"""Request bodies: one struct per wire shape, tables of which shape a version has, and the command each one gives.

A struct judges form alone (fields, types, bounds, spelling); whether what it names exists, and fits, is the ledger's to
decide. Every shape gives the newest command, whatever version it came in with.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ullage.api import body_schemas as schemas
from ullage.api.decoding import INTEGER_64_MAX, INTEGER_64_MIN, Shape, shortened
from ullage.api.uuids import ANY_SPELLING, from_any_spelling
from ullage.api.versions import LATEST, Feature, Microversion, Since
from ullage.model.allocation import NOT_SAID
from ullage.model.commands import (
    AddInventory,
    CreateProvider,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateInventory,
    UpdateProvider,
)
from ullage.model.errors import BadInput
from ullage.model.inventory import INTEGER_MAX, RATIO_MAX, Inventory
from ullage.model.names import NAME_LENGTH_MAX, PROVIDER_NAME_LENGTH_MAX

NO_NUL = r"\A[^\x00]*\Z"
LABEL = r"\A[A-Z0-9_]+\Z"

Integer64 = Annotated[int, Meta(ge=INTEGER_64_MIN, le=INTEGER_64_MAX)]
Positive = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
AnyUuid = Annotated[str, Meta(pattern=ANY_SPELLING)]
ProviderName = Annotated[str, Meta(min_length=1, max_length=PROVIDER_NAME_LENGTH_MAX, pattern=NO_NUL)]
Text = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX, pattern=NO_NUL)]
ClassName = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX, pattern=LABEL)]
CustomName = Annotated[str, Meta(max_length=NAME_LENGTH_MAX, pattern=r"\ACUSTOM_[A-Z0-9_]+\Z")]


class Body(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """What all bodies have in common: nothing beyond their fields is accepted."""


def plain_uuid(text: str) -> str:
    """The one form of a uuid that has passed a pattern; of a text that is none after all, itself."""
    return from_any_spelling(text) or text.lower()


# Providers


class CreateProviderBody(Body):
    """POST /resource_providers before nested providers."""

    name: ProviderName
    uuid: AnyUuid | UnsetType = UNSET

    def command(self, new_uuid: str) -> CreateProvider:
        """`new_uuid` is used if the body names none."""
        return CreateProvider(plain_uuid(self.uuid) if self.uuid else new_uuid, self.name)


class CreateNestedProviderBody(Body):
    """POST /resource_providers: the new provider may be a child."""

    name: ProviderName
    uuid: AnyUuid | UnsetType = UNSET
    parent_provider_uuid: AnyUuid | None = None

    def command(self, new_uuid: str) -> CreateProvider:
        """`new_uuid` is used if the body names none."""
        parent = self.parent_provider_uuid
        uuid = plain_uuid(self.uuid) if self.uuid else new_uuid
        return CreateProvider(uuid, self.name, None if parent is None else plain_uuid(parent))


class UpdateProviderBody(Body):
    """PUT /resource_providers/{uuid} before nested providers: a rename."""

    name: ProviderName

    def command(self, uuid: str, may_reparent: bool) -> UpdateProvider:
        return UpdateProvider(uuid, self.name, NOT_SAID, may_reparent)


class UpdateNestedProviderBody(Body):
    """PUT /resource_providers/{uuid}: a rename, and a move if a parent is said."""

    name: ProviderName
    parent_provider_uuid: AnyUuid | UnsetType | None = UNSET

    def command(self, uuid: str, may_reparent: bool) -> UpdateProvider:
        parent = self.parent_provider_uuid
        if parent is UNSET:
            return UpdateProvider(uuid, self.name, NOT_SAID, may_reparent)
        return UpdateProvider(uuid, self.name, None if parent is None else plain_uuid(parent), may_reparent)


# Inventories


class InventoryRules(Body):
    """The fields of one inventory."""

    total: Positive
    reserved: Annotated[int, Meta(ge=0, le=INTEGER_MAX)] = 0
    min_unit: Positive = 1
    max_unit: Positive = INTEGER_MAX
    step_size: Positive = 1
    allocation_ratio: Annotated[float, Meta(ge=0, le=RATIO_MAX)] = 1.0

    def inventory(self) -> Inventory:
        return Inventory(self.total, self.reserved, self.min_unit, self.max_unit, self.step_size, self.allocation_ratio)


class InventoryBody(InventoryRules):
    """One inventory among several; a generation here is accepted and ignored."""

    resource_provider_generation: Integer64 | UnsetType = UNSET


class AddInventoryBody(InventoryBody, kw_only=True):
    """POST /resource_providers/{uuid}/inventories: a generation is accepted and ignored."""

    resource_class: ClassName

    def command(self, provider_uuid: str, reserved_may_equal_total: bool) -> AddInventory:
        return AddInventory(provider_uuid, self.resource_class, self.inventory(), reserved_may_equal_total)


class UpdateInventoryBody(InventoryRules, kw_only=True):
    """PUT /resource_providers/{uuid}/inventories/{resource_class}."""

    resource_provider_generation: Integer64

    def command(self, provider_uuid: str, resource_class: str, reserved_may_equal_total: bool) -> UpdateInventory:
        return UpdateInventory(
            provider_uuid,
            resource_class,
            self.resource_provider_generation,
            self.inventory(),
            reserved_may_equal_total,
        )


class SetInventoriesBody(Body):
    """PUT /resource_providers/{uuid}/inventories. A class name of any form may be unknown; that is said later."""

    resource_provider_generation: Integer64
    inventories: dict[Text, InventoryBody]

    def stock(self) -> dict[str, Inventory]:
        return {resource_class: body.inventory() for resource_class, body in self.inventories.items()}

    def command(self, provider_uuid: str, reserved_may_equal_total: bool) -> SetInventories:
        return SetInventories(provider_uuid, self.resource_provider_generation, self.stock(), reserved_may_equal_total)


# Labels


class ResourceClassBody(Body):
    """POST /resource_classes, and PUT of one while that meant a rename."""

    name: CustomName


def resource_class_named(name: str) -> ResourceClassBody:
    """The body that a name in a path stands for; raises BadInput as if it had been sent."""
    return shape_at(RESOURCE_CLASS, LATEST).decode(msgspec.json.encode({"name": name}))


class SetTraitsBody(Body):
    """PUT /resource_providers/{uuid}/traits; a trait said twice is said once."""

    traits: list[Text]
    resource_provider_generation: Integer64

    def command(self, provider_uuid: str) -> SetProviderTraits:
        return SetProviderTraits(provider_uuid, self.resource_provider_generation, frozenset(self.traits))


class SetAggregatesBody(Body):
    """PUT /resource_providers/{uuid}/aggregates with a generation."""

    aggregates: list[AnyUuid]
    resource_provider_generation: Integer64


def aggregates_in_order(body: list[str] | SetAggregatesBody) -> tuple[str, ...]:
    """The aggregates of either shape as it has them."""
    return tuple(map(plain_uuid, body if isinstance(body, list) else body.aggregates))


def set_aggregates(body: list[str] | SetAggregatesBody, provider_uuid: str) -> SetProviderAggregates:
    """The command of either shape; BadInput if an aggregate is named twice, in whatever spellings."""
    listed = aggregates_in_order(body)
    distinct = frozenset(listed)
    if len(distinct) < len(listed):
        raise BadInput(f"JSON does not validate: {shortened(repr(list(listed)))} has non-unique elements")
    generation = NOT_SAID if isinstance(body, list) else body.resource_provider_generation
    return SetProviderAggregates(provider_uuid, generation, distinct)


# Which shape a version has

Some = TypeVar("Some")


def shape_at(table: Since[Shape[Some]], version: Microversion) -> Shape[Some]:
    """The shape of a version in which the route exists."""
    shape = table.at(version)
    if shape is None:
        raise LookupError(f"no body at {version}")  # a route that says since when it exists never asks
    return shape


CREATE_PROVIDER: Since[Shape[CreateProviderBody | CreateNestedProviderBody]] = Since(
    Shape(CreateProviderBody, schemas.CREATE_PROVIDER),
    {Feature.NESTED_PROVIDERS: Shape(CreateNestedProviderBody, schemas.CREATE_NESTED_PROVIDER)},
)
UPDATE_PROVIDER: Since[Shape[UpdateProviderBody | UpdateNestedProviderBody]] = Since(
    Shape(UpdateProviderBody, schemas.UPDATE_PROVIDER),
    {Feature.NESTED_PROVIDERS: Shape(UpdateNestedProviderBody, schemas.UPDATE_NESTED_PROVIDER)},
)
ADD_INVENTORY: Since[Shape[AddInventoryBody]] = Since(Shape(AddInventoryBody, schemas.ADD_INVENTORY))
UPDATE_INVENTORY: Since[Shape[UpdateInventoryBody]] = Since(Shape(UpdateInventoryBody, schemas.UPDATE_INVENTORY))
SET_INVENTORIES: Since[Shape[SetInventoriesBody]] = Since(Shape(SetInventoriesBody, schemas.SET_INVENTORIES))
SET_TRAITS: Since[Shape[SetTraitsBody]] = Since(Shape(SetTraitsBody, schemas.SET_TRAITS))
SET_AGGREGATES: Since[Shape[list[str] | SetAggregatesBody]] = Since(
    Shape(list[AnyUuid], schemas.AGGREGATES),
    {Feature.AGGREGATE_GENERATION: Shape(SetAggregatesBody, schemas.SET_AGGREGATES)},
)
RESOURCE_CLASS: Since[Shape[ResourceClassBody]] = Since(Shape(ResourceClassBody, schemas.RESOURCE_CLASS))
