"""The Placement API from the asker's side: the HTTP calls of the commands that talk to a running service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from ullage.cli.trouble import Trouble
from ullage.model.allocation import NOT_SAID, Claim, Consumer, ConsumerAllocations, ProviderHeld
from ullage.model.commands import (
    AggregatesNow,
    Command,
    CreateProvider,
    Ensured,
    EnsureResourceClass,
    EnsureTrait,
    InventoriesNow,
    ReplaceAllocations,
    Result,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    TraitsNow,
    UpdateProvider,
)
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider
from ullage.model.refusal import Refusal

CONNECTIONS = 8
TIMEOUT_SECONDS = 60.0


class Unreachable(Trouble):
    """Nobody answers there, or not as a Placement service does; the sentence says where and why."""


@dataclass(eq=False)
class ServerRefusal(Refusal):
    """A "no" that came over HTTP."""

    status: int
    detail: str

    @property
    def message(self) -> str:
        """What the service said."""
        return f"the service answered {self.status}: {self.detail}"


class Client:
    """A `load.Target` over HTTP. Close it, or use it as a context."""

    def __init__(self, url: str, token: str) -> None:
        try:
            self._http = httpx.Client(
                base_url=url.rstrip("/"),
                headers={
                    "x-auth-token": token,
                    "openstack-api-version": "placement latest",
                    "accept": "application/json",
                },
                timeout=TIMEOUT_SECONDS,
                limits=httpx.Limits(max_connections=CONNECTIONS),
                trust_env=False,
            )
        except (httpx.InvalidURL, ValueError):
            raise Unreachable(f"'{url}' is no URL such as http://127.0.0.1:8778") from None
        self._url = url
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="client")

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def run_all(self, commands: Sequence[Command]) -> list[Result | Refusal]:
        """Send all, several at a time; answers in the order of the commands."""
        return list(self._threads.map(self._run, commands))

    def resource_classes(self) -> frozenset[str]:
        """The names of all resource classes."""
        return frozenset(each["name"] for each in self._get("/resource_classes")["resource_classes"])

    def traits(self) -> frozenset[str]:
        """The names of all traits."""
        return frozenset(self._get("/traits")["traits"])

    def providers(self) -> Iterable[Provider]:
        """Every provider."""
        return [_provider(each) for each in self._get("/resource_providers")["resource_providers"]]

    def inventories(self, provider_uuids: Sequence[str]) -> Mapping[str, Mapping[str, Inventory]]:
        """By provider, then by resource class."""
        return {uuid: _inventories(found) for uuid, found in self._parts(provider_uuids, "inventories")}

    def provider_traits(self, provider_uuids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The names of traits by provider."""
        return {uuid: frozenset(found["traits"]) for uuid, found in self._parts(provider_uuids, "traits")}

    def provider_aggregates(self, provider_uuids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The uuids of aggregates by provider."""
        return {uuid: frozenset(found["aggregates"]) for uuid, found in self._parts(provider_uuids, "aggregates")}

    def _parts(self, provider_uuids: Sequence[str], what: str) -> Iterable[tuple[str, Any]]:
        """What there is of each provider, several asked for at a time."""
        found = self._threads.map(lambda uuid: self._get(f"/resource_providers/{uuid}/{what}"), provider_uuids)
        return zip(provider_uuids, found, strict=True)

    def consumer(self, consumer_uuid: str) -> ConsumerAllocations | None:
        """A consumer and all it holds; None if it holds nothing."""
        found = self._get(f"/allocations/{consumer_uuid}")
        if not found["allocations"]:
            return None
        return ConsumerAllocations(
            consumer=Consumer(
                uuid=consumer_uuid,
                project=found["project_id"],
                user=found["user_id"],
                consumer_type=found["consumer_type"],
                generation=found["consumer_generation"],
            ),
            allocations={
                uuid: ProviderHeld(each["generation"], each["resources"]) for uuid, each in found["allocations"].items()
            },
        )

    def _run(self, command: Command) -> Result | Refusal:
        try:
            return self._result(command)
        except Refusal as refusal:
            return refusal

    def _result(self, command: Command) -> Result:
        match command:
            case EnsureResourceClass(name):
                return self._ensured(f"/resource_classes/{quote(name)}")
            case EnsureTrait(name):
                return self._ensured(f"/traits/{quote(name)}")
            case CreateProvider():
                return self._create(command)
            case UpdateProvider():
                return _provider(self._send("PUT", f"/resource_providers/{command.uuid}", _named(command)))
            case SetInventories(uuid, generation, inventories):
                found = self._set(uuid, "inventories", generation, _inventories_body(inventories))
                return InventoriesNow(found["resource_provider_generation"], _inventories(found))
            case SetProviderTraits(uuid, generation, traits):
                found = self._set(uuid, "traits", generation, {"traits": sorted(traits)})
                return TraitsNow(found["resource_provider_generation"], tuple(found["traits"]))
            case SetProviderAggregates(uuid, int(generation), aggregates):
                found = self._set(uuid, "aggregates", generation, {"aggregates": sorted(aggregates)})
                return AggregatesNow(found["resource_provider_generation"], tuple(found["aggregates"]))
            case ReplaceAllocations(claims):
                self._send("POST", "/allocations", {claim.consumer_uuid: _claim(claim) for claim in claims})
                return None
        raise TypeError(f"{type(command).__name__} is not sent over HTTP")

    def _create(self, command: CreateProvider) -> Provider:
        """A provider and, by one request each, all that it has."""
        made = _provider(self._send("POST", "/resource_providers", _named(command) | {"uuid": command.uuid}))
        generation = made.generation
        for what, has, body in (
            ("inventories", command.inventories, _inventories_body(command.inventories)),
            ("traits", command.traits, {"traits": sorted(command.traits)}),
            ("aggregates", command.aggregates, {"aggregates": sorted(command.aggregates)}),
        ):
            if has:
                generation = self._set(made.uuid, what, generation, body)["resource_provider_generation"]
        return replace(made, generation=generation)

    def _set(self, uuid: str, what: str, generation: int, body: Mapping[str, object]) -> Any:
        whole = {**body, "resource_provider_generation": generation}
        return self._send("PUT", f"/resource_providers/{uuid}/{what}", whole)

    def _ensured(self, path: str) -> Ensured:
        return Ensured(created=self._answer("PUT", path).status_code == httpx.codes.CREATED)

    def _get(self, path: str) -> Any:
        return self._send("GET", path)

    def _send(self, method: str, path: str, body: object = None) -> Any:
        answer = self._answer(method, path, body)
        if not answer.content:
            return None
        try:
            return msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            raise Unreachable(f"{self._url} does not answer as a Placement service does ({method} {path})") from None

    def _answer(self, method: str, path: str, body: object = None) -> httpx.Response:
        content = None if body is None else msgspec.json.encode(body)
        headers = {"content-type": "application/json"} if content is not None else {}
        try:
            answer = self._http.request(method, path, content=content, headers=headers)
        except httpx.UnsupportedProtocol:
            raise Unreachable(f"'{self._url}' is no URL such as http://127.0.0.1:8778") from None
        except httpx.TransportError as error:
            raise Unreachable(f"{self._url} cannot be reached: {error or type(error).__name__}") from None
        if answer.is_success:
            return answer
        raise ServerRefusal(answer.status_code, _detail(answer))


def _detail(answer: httpx.Response) -> str:
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return "the token is not accepted; --token or ULLAGE_TOKEN gives another"
    try:
        detail = str(answer.json()["errors"][0]["detail"])
    except (ValueError, LookupError, TypeError):
        return answer.reason_phrase
    return detail.split("\n\n", maxsplit=1)[-1].strip()


def _provider(found: Mapping[str, Any]) -> Provider:
    return Provider(
        uuid=found["uuid"],
        name=found["name"],
        generation=found["generation"],
        parent_uuid=found["parent_provider_uuid"],
        root_uuid=found["root_provider_uuid"],
    )


def _inventories(found: Mapping[str, Any]) -> dict[str, Inventory]:
    fields = Inventory.__slots__
    return {name: Inventory(**{field: each[field] for field in fields}) for name, each in found["inventories"].items()}


def _inventories_body(inventories: Mapping[str, Inventory]) -> dict[str, object]:
    return {"inventories": {name: asdict(each) for name, each in inventories.items()}}


def _named(command: CreateProvider | UpdateProvider) -> dict[str, object]:
    return {"name": command.name, "parent_provider_uuid": command.parent_uuid}


def _claim(claim: Claim) -> dict[str, object]:
    if claim.expected_generation is NOT_SAID or claim.consumer_type is NOT_SAID:
        raise TypeError("a claim over HTTP says its generation and its type")
    return {
        "allocations": {uuid: {"resources": dict(resources)} for uuid, resources in claim.allocations.items()},
        "project_id": claim.project,
        "user_id": claim.user,
        "consumer_type": claim.consumer_type,
        "consumer_generation": claim.expected_generation,
    }
