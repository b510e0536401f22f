"""The policy rules in force, as they are shown to an operator."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ullage.api.policy import Policy
from ullage.api.policy_rules import BASE, RULES
from ullage.api.routes import ROUTES
from ullage.settings import Settings

KNOWN = {**BASE, **RULES}


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule. Checks are in the language of oslo.policy."""

    name: str
    check: str
    """What decides now."""
    default: str | None
    """What would decide without the file; None for a rule of the file's own."""
    is_in_file: bool
    routes: tuple[str, ...]
    """Who asks it: method and path. Nobody asks a rule that only others are made of."""


def shown(settings: Settings) -> tuple[list[ShownRule], tuple[str, ...]]:
    """All rules, those of routes first, and what is odd about the file; raises SettingsError for one without sense."""
    policy = Policy(settings)
    usual = Policy(replace(settings, policy_file="")).checks
    names = [*RULES, *BASE, *(name for name in policy.checks if name not in KNOWN)]
    return [_shown(name, policy, usual.get(name)) for name in names], policy.faults


def _shown(name: str, policy: Policy, default: object) -> ShownRule:
    routes = tuple(f"{route.method} {route.path}" for route in ROUTES if route.rule == name)
    return ShownRule(
        name, str(policy.checks[name]), None if default is None else str(default), name in policy.in_file, routes
    )
