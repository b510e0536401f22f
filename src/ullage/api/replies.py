"""Replies: what each thing looks like on the wire, by version, and the headers that go with it.

What depends on the version is chosen once for a reply, never once for a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import formatdate
from itertools import chain, islice
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ullage.api.http import CHUNK_BYTES, WHOLE_CHUNKS_MAX, Call, Response
from ullage.api.versions import Feature, Since, has
from ullage.model.allocation import ConsumerAllocations, ProviderAllocations, TypeUsage
from ullage.model.commands import AggregatesNow, InventoriesNow, TraitsNow
from ullage.model.inventory import Inventory
from ullage.model.provider import Label, Provider, ProviderAggregates, ProviderInventories, ProviderTraits

JSON = "application/json"
NOW = 0
"""A time of change that is not known, or the moment of asking itself."""

UNKNOWN_TYPE = "unknown"
"""What the wire calls the type of consumers without a type."""
EVERY_TYPE = "all"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form on the wire")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


def encoded(body: object) -> bytes:
    """A reply struct as JSON."""
    return _ENCODER.encode(body)


def with_body(call: Call, body: object, changed_us: int | None = NOW, status: int = 200) -> Response:
    """A reply with a JSON body; `changed_us` as in `cache_headers`."""
    return Response(status, encoded(body), JSON, cache_headers(call, changed_us))


def in_chunks(call: Call, texts: Iterable[str], changed_us: int | None = NOW) -> Response:
    """A reply with the JSON that some texts make together: in one piece if it is small, else in chunks that are made
    when they are sent."""
    headers = cache_headers(call, changed_us)
    chunks = _chunks(texts)
    first = list(islice(chunks, WHOLE_CHUNKS_MAX + 1))
    if len(first) <= WHOLE_CHUNKS_MAX:
        return Response(200, b"".join(first), JSON, headers)
    return Response(200, b"", JSON, headers, chain(first, chunks))


def _chunks(texts: Iterable[str]) -> Iterator[bytes]:
    some: list[str] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= CHUNK_BYTES:
            yield "".join(some).encode()
            some, size = [], 0
    if some:
        yield "".join(some).encode()


def cache_headers(call: Call, changed_us: int | None = NOW) -> list[tuple[str, str]]:
    """The headers that tell caches when what is shown last changed (NOW: now; None: they are not told)."""
    if not has(call.version, Feature.CACHE_HEADERS):
        return []
    headers = [("cache-control", "no-cache")]
    if changed_us is not None:
        seconds = changed_us / 1_000_000 if changed_us else time.time()
        headers.insert(0, ("last-modified", formatdate(int(seconds), usegmt=True)))
    return headers


def without_body(status: int = 204, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """A reply without a body, and so without a content type."""
    return Response(status, headers=list(headers))


def location(call: Call, path: str) -> tuple[str, str]:
    """The header that says where a new thing is, by its whole address."""
    return ("location", f"{call.request.base_url}{path}")


def newest(times_us: Iterable[int]) -> int:
    """The latest of some times; NOW if there are none."""
    return max(times_us, default=NOW)


# Providers


class Link(Struct, gc=False):
    """Where something else about a thing is."""

    rel: str
    href: str


class ProviderBody(Struct, gc=False):
    """A provider on the wire."""

    uuid: str
    name: str
    generation: int
    links: list[Link]
    parent_provider_uuid: str | UnsetType | None = UNSET
    root_provider_uuid: str | UnsetType = UNSET


_LINKS: Since[tuple[str, ...]] = Since(
    ("inventories", "usages"),
    {
        Feature.AGGREGATES: ("inventories", "usages", "aggregates"),
        Feature.TRAITS: ("inventories", "usages", "aggregates", "traits"),
        Feature.ALLOCATIONS_LINK: ("inventories", "usages", "aggregates", "traits", "allocations"),
    },
)


def provider_shape(call: Call) -> Callable[[Provider], ProviderBody]:
    """What makes a provider what it looks like at this version."""
    relations = _LINKS.at(call.version) or ()
    prefix = f"{call.request.mount}/resource_providers/"
    nested = has(call.version, Feature.NESTED_PROVIDERS)

    def shape(provider: Provider) -> ProviderBody:
        address = prefix + provider.uuid
        links = [Link("self", address)]
        links += [Link(relation, f"{address}/{relation}") for relation in relations]
        body = ProviderBody(provider.uuid, provider.name, provider.generation, links)
        if nested:
            body.parent_provider_uuid = provider.parent_uuid
            body.root_provider_uuid = provider.root_uuid
        return body

    return shape


def provider(call: Call, shown: Provider) -> Response:
    """One provider."""
    return with_body(call, provider_shape(call)(shown), shown.updated_us)


# Inventories


def inventories(call: Call, shown: ProviderInventories) -> Response:
    """All inventories of a provider."""
    stocks = {name: stock.inventory for name, stock in shown.stocks.items()}
    changed_us = newest(stock.updated_us for stock in shown.stocks.values())
    return _inventories(call, stocks, shown.provider.generation, changed_us)


def inventories_now(call: Call, shown: InventoriesNow) -> Response:
    """All inventories of a provider as they were set just now."""
    return _inventories(call, shown.inventories, shown.generation, NOW)


def _inventories(call: Call, stocks: Mapping[str, Inventory], generation: int, changed_us: int) -> Response:
    body = {"resource_provider_generation": generation, "inventories": stocks}
    return with_body(call, body, changed_us if stocks else None)


def inventory(call: Call, shown: Inventory, generation: int, changed_us: int = NOW, status: int = 200) -> Response:
    """One inventory with its provider's generation."""
    body = {**msgspec.to_builtins(shown), "resource_provider_generation": generation}
    return with_body(call, body, changed_us, status)


# Labels


def resource_classes(call: Call, shown: Iterable[Label]) -> Response:
    """A list of resource classes."""
    listed = tuple(shown)
    body = {"resource_classes": [_resource_class(call, label.name) for label in listed]}
    return with_body(call, body, newest(label.updated_us for label in listed))


def resource_class(call: Call, shown: Label) -> Response:
    """One resource class."""
    return with_body(call, _resource_class(call, shown.name), shown.updated_us)


def _resource_class(call: Call, name: str) -> dict[str, Any]:
    return {"name": name, "links": [Link("self", f"{call.request.mount}/resource_classes/{name}")]}


def traits(call: Call, shown: Iterable[Label]) -> Response:
    """A list of traits."""
    listed = tuple(shown)
    body = {"traits": [label.name for label in listed]}
    return with_body(call, body, newest(label.updated_us for label in listed))


def provider_traits(call: Call, shown: ProviderTraits) -> Response:
    """A provider's traits; they changed when it did, for its generation is shown with them."""
    return _provider_traits(call, shown.traits, shown.provider.generation, shown.provider.updated_us)


def provider_traits_now(call: Call, shown: TraitsNow) -> Response:
    """A provider's traits as they were set just now."""
    return _provider_traits(call, shown.traits, shown.generation, NOW)


def _provider_traits(call: Call, names: tuple[str, ...], generation: int, changed_us: int) -> Response:
    return with_body(call, {"traits": names, "resource_provider_generation": generation}, changed_us)


def provider_aggregates(call: Call, shown: ProviderAggregates) -> Response:
    """A provider's aggregates."""
    return aggregates_now(call, AggregatesNow(shown.provider.generation, shown.aggregates))


def aggregates_now(call: Call, shown: AggregatesNow) -> Response:
    """A provider's aggregates, from some version on with its generation."""
    body: dict[str, object] = {"aggregates": shown.aggregates}
    if has(call.version, Feature.AGGREGATE_GENERATION):
        body["resource_provider_generation"] = shown.generation
    return with_body(call, body)


# Allocations and usages


def consumer_allocations(call: Call, shown: ConsumerAllocations | None) -> Response:
    """What a consumer holds; of one that holds nothing, nothing else is known either."""
    if shown is None:
        return with_body(call, {"allocations": {}})
    consumer = shown.consumer
    body: dict[str, object] = {"allocations": shown.allocations}
    if has(call.version, Feature.KEYED_ALLOCATIONS):
        body |= {"project_id": consumer.project, "user_id": consumer.user}
    if has(call.version, Feature.CONSUMER_GENERATION):
        body["consumer_generation"] = consumer.generation
    if has(call.version, Feature.CONSUMER_TYPES):
        body["consumer_type"] = consumer.consumer_type or UNKNOWN_TYPE
    return with_body(call, body, shown.updated_us)


def provider_allocations(call: Call, shown: ProviderAllocations) -> Response:
    """What is held on a provider."""
    held: Mapping[str, object] = shown.allocations
    if not has(call.version, Feature.CONSUMER_GENERATION):
        held = {uuid: {"resources": each.resources} for uuid, each in shown.allocations.items()}
    body = {"allocations": held, "resource_provider_generation": shown.generation}
    return with_body(call, body, shown.updated_us)


def provider_usages(call: Call, shown: ProviderInventories) -> Response:
    """What is used of each inventory of a provider."""
    usages = {name: stock.used for name, stock in shown.stocks.items()}
    return with_body(call, {"usages": usages, "resource_provider_generation": shown.provider.generation})


def usages(call: Call, shown: Iterable[TypeUsage], together: bool) -> Response:
    """What a project uses: by consumer type, or summed up (`together`), which older versions show bare."""
    if not has(call.version, Feature.CONSUMER_TYPES):
        return with_body(call, {"usages": _sum(shown)[1]})
    if together:
        count, resources = _sum(shown)
        groups = {EVERY_TYPE: {"consumer_count": count, **resources}} if count else {}
    else:
        groups = {
            usage.consumer_type or UNKNOWN_TYPE: {"consumer_count": usage.consumer_count, **usage.resources}
            for usage in shown
        }
    return with_body(call, {"usages": groups})


def _sum(shown: Iterable[TypeUsage]) -> tuple[int, dict[str, int]]:
    count = 0
    resources: dict[str, int] = {}
    for usage in shown:
        count += usage.consumer_count
        for name, amount in usage.resources.items():
            resources[name] = resources.get(name, 0) + amount
    return count, resources
