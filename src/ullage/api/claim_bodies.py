"""Bodies that claim: allocations of one consumer, of several, and the reshaper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

from msgspec import UNSET, Meta, UnsetType

from ullage.api import body_schemas as schemas
from ullage.api.bodies import AnyUuid, Body, ClassName, Integer64, SetInventoriesBody, Text, plain_uuid
from ullage.api.decoding import INTEGER_64_MAX, Shape
from ullage.api.uuids import DASHED
from ullage.api.versions import Feature, Since
from ullage.model.allocation import Claim, Held
from ullage.model.commands import NewInventories, ReplaceAllocations, Reshape

Amount = Annotated[int, Meta(ge=1, le=INTEGER_64_MAX)]
"""Beyond what an inventory can hold nothing fits, which is for the ledger to say."""
ProviderKey = Annotated[str, Meta(pattern=r"\A[0-9a-fA-F-]{36}\Z")]
"""Laxer than a uuid: what is none names a provider that does not exist."""
ConsumerKey = Annotated[str, Meta(pattern=DASHED)]
Suffix = Annotated[str, Meta(pattern=r"\A[a-zA-Z0-9_-]{0,64}\Z")]
Resources = Annotated[dict[ClassName, Amount], Meta(min_length=1)]
Mappings = Annotated[dict[Suffix, Annotated[list[AnyUuid], Meta(min_length=1)]], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Owner:
    """A project and a user."""

    project: str
    user: str


class ClaimBody(Protocol):
    """Any shape of a claim."""

    def claim(self, consumer_uuid: str, nobody: Owner) -> Claim:
        """What the consumer shall hold; `nobody` owns it if the shape names no owner."""


class HeldBody(Body):
    """What shall be held on one provider; a generation is accepted and ignored."""

    resources: Resources
    generation: Integer64 | UnsetType = UNSET


class ProviderBody(Body):
    """A provider named in a list of allocations."""

    uuid: AnyUuid


class ListedHeldBody(Body):
    """What shall be held on one provider, in the list form."""

    resource_provider: ProviderBody
    resources: Resources


class ListedClaim(Body):
    """Allocations as a list; of several entries for one provider the last counts."""

    allocations: Annotated[list[ListedHeldBody], Meta(min_length=1)]

    def held(self) -> Held:
        """Amounts by provider and class."""
        return {plain_uuid(held.resource_provider.uuid): held.resources for held in self.allocations}

    def claim(self, consumer_uuid: str, nobody: Owner) -> Claim:
        """A claim that nobody in particular owns."""
        return Claim(consumer_uuid, self.held(), nobody.project, nobody.user)


class OwnedListedClaim(ListedClaim):
    """The list form with its owner."""

    project_id: Text
    user_id: Text

    def claim(self, consumer_uuid: str, nobody: Owner) -> Claim:
        """A claim with the owner that the body names."""
        return Claim(consumer_uuid, self.held(), self.project_id, self.user_id)


class ReleasableClaim(Body):
    """Allocations by provider; none releases everything."""

    allocations: dict[ProviderKey, HeldBody]
    project_id: Text
    user_id: Text

    def held(self) -> Held:
        """Amounts by provider and class."""
        return {plain_uuid(provider): held.resources for provider, held in self.allocations.items()}

    def claim(self, consumer_uuid: str, nobody: Owner) -> Claim:
        """A claim that asks nothing of the consumer's state."""
        return Claim(consumer_uuid, self.held(), self.project_id, self.user_id)


class KeyedClaim(ReleasableClaim):
    """Allocations by provider, at least one."""

    allocations: Annotated[dict[ProviderKey, HeldBody], Meta(min_length=1)]


class GenerationClaim(ReleasableClaim):
    """With the generation that the consumer must have; null says that it must not exist."""

    consumer_generation: Integer64 | None

    def claim(self, consumer_uuid: str, nobody: Owner) -> Claim:
        """A claim that keeps the consumer's type."""
        return Claim(
            consumer_uuid,
            self.held(),
            self.project_id,
            self.user_id,
            expected_generation=self.consumer_generation,
        )


class MappedClaim(GenerationClaim):
    """A candidate may be sent back whole; its mappings are accepted and ignored."""

    mappings: Mappings | UnsetType = UNSET


class TypedClaim(MappedClaim, kw_only=True):
    """With the consumer's type."""

    consumer_type: ClassName

    def claim(self, consumer_uuid: str, nobody: Owner) -> Claim:
        """A claim that says everything."""
        return Claim(
            consumer_uuid,
            self.held(),
            self.project_id,
            self.user_id,
            consumer_type=self.consumer_type,
            expected_generation=self.consumer_generation,
        )


def _claims(bodies: Mapping[str, ClaimBody], nobody: Owner) -> tuple[Claim, ...]:
    """The claims of a body keyed by consumer; of two spellings of one consumer the last counts."""
    claims = {consumer.lower(): body.claim(consumer.lower(), nobody) for consumer, body in bodies.items()}
    return tuple(claims.values())


def replace_allocations(bodies: Mapping[str, ClaimBody], nobody: Owner) -> ReplaceAllocations:
    """The command of POST /allocations."""
    return ReplaceAllocations(_claims(bodies, nobody))


class ReshapedInventories(Body):
    """The half of POST /reshaper that all its shapes share."""

    inventories: Annotated[dict[ProviderKey, SetInventoriesBody], Meta(min_length=1)]

    def reshape(self, claims: Mapping[str, ClaimBody], nobody: Owner) -> Reshape:
        """The command of both halves."""
        inventories = {
            plain_uuid(provider): NewInventories(body.resource_provider_generation, body.stock())
            for provider, body in self.inventories.items()
        }
        return Reshape(inventories, _claims(claims, nobody))


class ReshapeBody(ReshapedInventories):
    """POST /reshaper."""

    allocations: dict[ConsumerKey, GenerationClaim]


class MappedReshapeBody(ReshapedInventories):
    """POST /reshaper whose claims may have mappings."""

    allocations: dict[ConsumerKey, MappedClaim]


class TypedReshapeBody(ReshapedInventories):
    """POST /reshaper whose claims have consumer types."""

    allocations: dict[ConsumerKey, TypedClaim]


PUT_ALLOCATIONS: Since[Shape[ListedClaim | ReleasableClaim]] = Since(
    Shape(ListedClaim, schemas.LISTED_CLAIM),
    {
        Feature.CONSUMER_OWNER: Shape(OwnedListedClaim, schemas.OWNED_LISTED_CLAIM),
        Feature.KEYED_ALLOCATIONS: Shape(KeyedClaim, schemas.KEYED_CLAIM),
        Feature.CONSUMER_GENERATION: Shape(GenerationClaim, schemas.GENERATION_CLAIM),
        Feature.MAPPINGS: Shape(MappedClaim, schemas.MAPPED_CLAIM),
        Feature.CONSUMER_TYPES: Shape(TypedClaim, schemas.TYPED_CLAIM),
    },
)
POST_ALLOCATIONS: Since[Shape[Mapping[str, ReleasableClaim]]] = Since(
    None,
    {
        Feature.POST_ALLOCATIONS: Shape(
            Annotated[dict[ConsumerKey, ReleasableClaim], Meta(min_length=1)],
            schemas.claims(schemas.RELEASABLE_CLAIM),
        ),
        Feature.CONSUMER_GENERATION: Shape(
            Annotated[dict[ConsumerKey, GenerationClaim], Meta(min_length=1)],
            schemas.claims(schemas.GENERATION_CLAIM),
        ),
        Feature.MAPPINGS: Shape(
            Annotated[dict[ConsumerKey, MappedClaim], Meta(min_length=1)],
            schemas.claims(schemas.MAPPED_CLAIM),
        ),
        Feature.CONSUMER_TYPES: Shape(
            Annotated[dict[ConsumerKey, TypedClaim], Meta(min_length=1)],
            schemas.claims(schemas.TYPED_CLAIM),
        ),
    },
)
RESHAPE: Since[Shape[ReshapeBody | MappedReshapeBody | TypedReshapeBody]] = Since(
    None,
    {
        Feature.RESHAPER: Shape(ReshapeBody, schemas.reshape(schemas.GENERATION_CLAIM)),
        Feature.MAPPINGS: Shape(MappedReshapeBody, schemas.reshape(schemas.MAPPED_CLAIM)),
        Feature.CONSUMER_TYPES: Shape(TypedReshapeBody, schemas.reshape(schemas.TYPED_CLAIM)),
    },
)
