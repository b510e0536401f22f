"""What an operator's file of policy rules says that cannot be meant: it is in force all the same, and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ullage.api.policy_rules import BASE, RULES

FORMER = ("placement", "system_admin_api", "system_reader_api", "system_or_project_reader")
"""Rules of the reference before its version 9 (2023.1), which present defaults are no longer made of."""
FALLBACK = "default"
"""The rule that stands in for those that others refer to and nobody has written."""


def faults(in_force: Mapping[str, Any], in_file: Mapping[str, Any]) -> tuple[str, ...]:
    """Everything odd about a file, each a sentence. `in_force`: rule -> its check; `in_file`: rule -> how it is written
    there (a RuleDefault)."""
    wanted = {name for check in in_force.values() for name in referred(check)}
    return tuple(
        f"rule {name!r} {fault}" for name, rule in in_file.items() for fault in _faults(name, rule, in_force, wanted)
    )


def circle(in_force: Mapping[str, Any]) -> Sequence[str]:
    """Rules that refer to each other in a circle, which no question would come out of; empty if there are none."""
    sound: set[str] = set()

    def found(name: str, above: tuple[str, ...]) -> Sequence[str]:
        if name in above:
            return above[above.index(name) :]
        if name in sound or name not in in_force:
            return ()
        for each in referred(in_force[name]):
            if met := found(each, (*above, name)):
                return met
        sound.add(name)
        return ()

    return next((met for name in in_force if (met := found(name, ()))), ())


def referred(check: Any) -> list[str]:
    """The rules that a check asks."""
    return [part.match for part in _parts(check) if getattr(part, "kind", "") == "rule"]


def _faults(name: str, rule: Any, in_force: Mapping[str, Any], wanted: set[str]) -> Iterator[str]:
    if name not in RULES and name not in BASE and name not in wanted and name != FALLBACK:
        yield _unasked(name)
    missing = [each for each in referred(rule.check) if each not in in_force]
    if missing and FALLBACK not in in_force:
        yield f"refers to {', '.join(map(repr, missing))}, which there is not: that part is taken for false"
    if _refusals(rule.check) > str(rule.check_str).count("!"):
        yield "cannot be read in the language of oslo.policy: it, or a part of it, is taken for false"


def _unasked(name: str) -> str:
    if name in FORMER:
        return "is a former one: no rule refers to it any more, and it changes nothing"
    if name.startswith("placement:"):
        return "is unknown: no route asks it, and it changes nothing"
    return "is asked by no route and no other rule, and changes nothing"


def _refusals(check: Any) -> int:
    return sum(str(part) == "!" for part in _parts(check))


def _parts(check: Any) -> Iterator[Any]:
    yield check
    for part in getattr(check, "rules", None) or ([check.rule] if hasattr(check, "rule") else []):
        yield from _parts(part)
