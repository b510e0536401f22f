"""The grammar of query values: texts to amounts, labels and trees. Every fault is a BadInput in known words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ullage.api.decoding import INTEGER_64_MAX
from ullage.api.uuids import from_any_spelling
from ullage.api.versions import Feature, Microversion, has
from ullage.model.errors import BadInput
from ullage.model.request import LabelFilter

INVALID = "Invalid query string parameters: "

_AMOUNT = re.compile(r" *(-?[0-9]{1,19}) *")


class Labels(NamedTuple):
    """Constraints of one value: of every set in `required` one label must be there, of `forbidden` none."""

    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()


def together(values: Iterable[Labels]) -> LabelFilter:
    """All of the constraints, each once."""
    required: dict[frozenset[str], None] = {}
    forbidden: set[str] = set()
    for value in values:
        required.update(dict.fromkeys(value.required))
        forbidden |= value.forbidden
    return LabelFilter(tuple(required), frozenset(forbidden))


def resources(text: str) -> dict[str, int]:
    """`VCPU:2,DISK_GB:10` as amounts by class; of a class named twice the last amount counts."""
    if not text.strip():
        raise _bad_resources("empty string.")
    amounts = {}
    for part in text.split(","):
        name, separator, amount = part.partition(":")
        if not separator or ":" in amount:
            raise _bad_resources(f"{part}.")
        amounts[name] = _amount(name, amount)
    return amounts


def _amount(name: str, text: str) -> int:
    match = _AMOUNT.fullmatch(text)
    amount = int(match[1]) if match else None
    if amount is None or amount > INTEGER_64_MAX:
        raise BadInput(f"Requested resource {name} expected positive integer amount. Got: {text}.")
    if amount < 1:
        raise BadInput(f"Requested resource {name} requires amount >= 1. Got: {amount}.")
    return amount


def _bad_resources(got: str) -> BadInput:
    return BadInput(
        "Badly formed resources parameter. Expected resources query string parameter in form: "
        f"?resources=VCPU:2,MEMORY_MB:1024. Got: {got}"
    )


def required(values: list[str], version: Microversion) -> LabelFilter:
    """The traits of a repeatable `required`; where it may not be repeated yet, the last value counts."""
    may_forbid = has(version, Feature.FORBIDDEN_TRAITS)
    any_of = has(version, Feature.ANY_TRAITS)
    return together(_traits(value, may_forbid, any_of) for value in (values if any_of else values[-1:]))


def root_required(text: str) -> LabelFilter:
    """The traits of a root: required and forbidden ones, never any-of."""
    return together([_traits(text, may_forbid=True, any_of=False)])


def _traits(text: str, may_forbid: bool, any_of: bool) -> Labels:
    if text.startswith("in:"):
        return _any_trait(text, any_of)
    form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if may_forbid else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
    names = [part.strip() for part in text.split(",")]
    forbidden = frozenset(name.lstrip("!") for name in names if name.startswith("!"))
    if "" in names or "" in forbidden:
        raise BadInput(
            f"{INVALID}Expected 'required' parameter value of the form: {form}. Got an empty trait in: {text}"
        )
    if forbidden and not may_forbid:
        raise BadInput(f"{INVALID}Expected 'required' parameter value of the form: {form}. Got: {text}")
    return Labels(tuple(frozenset([name]) for name in names if not name.startswith("!")), forbidden)


def _any_trait(text: str, allowed: bool) -> Labels:
    form = "The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC'"
    if not allowed:
        raise BadInput(f"{INVALID}{form} only supported since microversion 1.39. Got: {text}")
    names = frozenset(part.strip() for part in text[3:].split(","))
    if "" in names:
        raise BadInput(
            f"{INVALID}Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. "
            f"Got an empty trait in: {text}"
        )
    if any(name.startswith("!") for name in names):
        raise BadInput(f"{INVALID}{form} does not support forbidden traits. Got: {text}")
    return Labels((names,))


def member_of(key: str, values: list[str], version: Microversion) -> LabelFilter:
    """The aggregates of a `member_of` (`key` is its name with the suffix), repeatable in later versions."""
    if len(values) > 1 and not has(version, Feature.REPEATED_MEMBER_OF):
        raise BadInput(f"Multiple {key} parameters are not supported")
    parsed = [_aggregates(value) for value in values]
    if any(value.forbidden for value in parsed) and not has(version, Feature.FORBIDDEN_AGGREGATES):
        raise BadInput(f"Forbidden {key} parameters are not supported in the specified microversion")
    return together(parsed)


def _aggregates(text: str) -> Labels:
    negative = text.startswith("!")
    several = text.removeprefix("!").startswith("in:")
    if "," in text and not several:
        raise BadInput(
            "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid "
            f"microversion. Got: {text}"
        )
    listed = text.removeprefix("!").removeprefix("in:").split(",")
    aggregates = frozenset(map(_aggregate, listed))
    return Labels((), aggregates) if negative else Labels((aggregates,))


def _aggregate(text: str) -> str:
    uuid = from_any_spelling(text)
    if uuid is None:
        raise BadInput(f"{INVALID}Expected 'member_of' parameter to contain valid UUID(s). Got: {text}")
    return uuid


def in_tree(text: str) -> str:
    """The uuid of any member of a tree."""
    uuid = from_any_spelling(text.strip())
    if uuid is None:
        raise BadInput(f"{INVALID}Expected 'in_tree' parameter to be a format of uuid. Got: {text}")
    return uuid
