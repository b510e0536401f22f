"""The fleet format: what an operator writes down about providers, and about consumers that hold something already.

YAML or JSON. A mapping with these keys, all optional: `aggregates`, `templates`, `providers`, `overrides`, `consumers`.
The reference page `docs/reference/fleet.md` describes every field; `expand` turns a fleet into single providers.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
import yaml
from yaml.constructor import SafeConstructor

from ullage.cli.trouble import Trouble

NESTING_MAX = 400
_BRACKETS = re.compile(r"[][{}]")
_INDENTS = re.compile(r"^[ ?:-]+", re.MULTILINE)


@dataclass(eq=False)
class FleetError(Trouble):
    """A fault in a fleet: where it is ("providers[2].inventories.VCPU"), what is there, and what would be accepted."""

    path: str
    problem: str
    file: str = ""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.path) if part)
        return f"{place}: {self.problem}" if place else self.problem


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Common to all entries: a misspelt field is an error."""


class InventoryEntry(Entry, frozen=True, kw_only=True):
    """One inventory; a bare number stands for its `total`."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int | None = None
    """None: the total."""
    step_size: int = 1
    allocation_ratio: float = 1.0


Inventories = dict[str, int | InventoryEntry]
"""By resource class."""


class ProviderEntry(Entry, frozen=True, kw_only=True):
    """One provider, or as many as it has numbers, each with its children."""

    name: str
    numbers: str | None = None
    uuid: str | None = None
    template: str | None = None
    inventories: Inventories = {}
    traits: list[str] = []
    aggregates: list[str] = []
    children: list[ProviderEntry] = []


class TemplateEntry(Entry, frozen=True, kw_only=True):
    """What several providers have in common; a template may build on another."""

    template: str | None = None
    inventories: Inventories = {}
    traits: list[str] = []
    aggregates: list[str] = []
    children: list[ProviderEntry] = []


class OverrideEntry(Entry, frozen=True, kw_only=True):
    """What is different about one provider. An inventory of null is taken away."""

    uuid: str | None = None
    inventories: dict[str, int | InventoryEntry | None] = {}
    traits: list[str] = []
    without_traits: list[str] = []
    aggregates: list[str] = []
    without_aggregates: list[str] = []


class ConsumerEntry(Entry, frozen=True, kw_only=True):
    """One consumer, or as many as it has numbers, with all that it holds by provider name and resource class."""

    name: str
    numbers: str | None = None
    uuid: str | None = None
    project: str
    user: str
    type: str = "INSTANCE"
    holds: dict[str, dict[str, int]]


class Fleet(Entry, frozen=True, kw_only=True):
    """The whole file."""

    aggregates: dict[str, str | None] = {}
    """Name -> uuid; null has one made from the name."""
    templates: dict[str, TemplateEntry] = {}
    providers: list[ProviderEntry] = []
    overrides: dict[str, OverrideEntry] = {}
    """By the provider's full name."""
    consumers: list[ConsumerEntry] = []


def read(path: Path) -> Fleet:
    """The fleet that a file holds; raises FleetError, with the file's name, for anything wrong in it."""
    try:
        return parse(path.read_text(encoding="utf-8"), is_json=path.suffix == ".json")
    except FleetError as error:
        raise FleetError(error.path, error.problem, str(path)) from None
    except OSError as error:
        raise FleetError("", f"cannot be read: {error.strerror}", str(path)) from None
    except UnicodeDecodeError as error:
        raise FleetError("", f"is not UTF-8 text (byte {error.start})", str(path)) from None


def parse(text: str, *, is_json: bool = False) -> Fleet:
    """The fleet that a text holds; raises FleetError."""
    return from_data(_load_json(text) if is_json else _load_yaml(text))


def from_data(data: object) -> Fleet:
    """The fleet that plain mappings and lists describe; raises FleetError for the innermost thing that is wrong."""
    if data is None:
        raise FleetError("", "is empty; a fleet is a mapping with 'providers' and the like")
    try:
        return msgspec.convert(data, Fleet)
    except msgspec.ValidationError:
        raise _innermost_fault(data, Fleet, "") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """An ending for a sentence about an unknown name: " (did you mean 'x'?)", or nothing."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{matches[0]}'?)" if matches else ""


class _UniqueKeys(SafeConstructor):
    """PyYAML keeps the last of two equal keys in silence; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen and key != "<<":
                raise FleetError(_line(key_node.start_mark), f"the key '{key}' is there twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Loader(_UniqueKeys, yaml.SafeLoader):
    """Words what is wrong, and reads whatever the other one must not."""


_QuickLoader = type("_QuickLoader", (_UniqueKeys, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})
"""Compiled: three times as quick, but its words are others, and very deep nesting overruns its stack."""


def _is_deep(text: str) -> bool:
    """Whether some part of a YAML text is nested deeper than a fleet can be."""
    flow = accumulate(1 if bracket in "[{" else -1 for bracket in _BRACKETS.findall(text))
    return max(flow, default=0) > NESTING_MAX or max(map(len, _INDENTS.findall(text)), default=0) > NESTING_MAX


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _load_yaml(text: str) -> object:
    with suppress(yaml.YAMLError, ValueError):
        if not _is_deep(text):
            return yaml.load(text, Loader=_QuickLoader)  # noqa: S506 # nosec B506 # the loader is a SafeLoader
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 # nosec B506 # and so is this one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FleetError(_line(mark) if mark else "", f"is not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise FleetError("", f"is not YAML: {error}") from None


def _load_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise FleetError(f"line {error.lineno}, column {error.colno}", f"is not JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise FleetError("", f"is not JSON: {error}") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise FleetError("", f"the key '{twice}' is there twice")
    return made


def _innermost_fault(value: object, kind: Any, path: str) -> FleetError:
    """Follow a value that does not convert down to the smallest part that does not, for an error that can be found."""
    for step, part, part_kind in _parts(value, kind):
        try:
            msgspec.convert(part, part_kind)
        except msgspec.ValidationError:
            return _innermost_fault(part, part_kind, path + (step if path else step.lstrip(".")))
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return FleetError(path, _sentence(value, kind, str(error)))
    raise LookupError("asked to find the fault of a value that has none")


def _parts(value: object, kind: Any) -> Iterable[tuple[str, object, Any]]:
    """The parts of a value, each with its step on the path and the type it should have."""
    struct = _struct_of(kind)
    if struct is not None and isinstance(value, Mapping):
        types = {field.name: field.type for field in msgspec.structs.fields(struct)}
        return [(f".{key}", part, types[key]) for key, part in value.items() if key in types]
    if get_origin(kind) is dict and isinstance(value, Mapping):
        part_kind = get_args(kind)[1]
        return [(f".{key}", part, part_kind) for key, part in value.items() if isinstance(key, str)]
    if get_origin(kind) is list and isinstance(value, list):
        part_kind = get_args(kind)[0]
        return [(f"[{number}]", part, part_kind) for number, part in enumerate(value)]
    return []


def _struct_of(kind: Any) -> type[msgspec.Struct] | None:
    choices = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return next((each for each in choices if isinstance(each, type) and issubclass(each, Entry)), None)


def _sentence(value: object, kind: Any, error: str) -> str:
    struct = _struct_of(kind)
    if struct is not None and isinstance(value, Mapping):
        names = [field.name for field in msgspec.structs.fields(struct)]
        odd = [str(key) for key in value if key not in names]
        if odd:
            return f"unknown field '{odd[0]}'{nearest(odd[0], names)}; known are {', '.join(names)}"
        missing = [f.name for f in msgspec.structs.fields(struct) if f.required and f.name not in value]
        if missing:
            return f"the field '{missing[0]}' is missing"
    shown = json.dumps(value, default=str)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return f"{error.split(' - at ')[0].replace('`', '')}: {shown}"
