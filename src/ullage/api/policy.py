"""Who may do what: oslo.policy decides by the rules of policy_rules and of the operator's file, and is asked once for
each kind of question as long as the file stays as it is."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from oslo_config import cfg
from oslo_policy import opts, policy

from ullage.api.http import Identity, WouldWait
from ullage.api.policy_faults import circle, faults
from ullage.api.policy_rules import BASE, RULES, Rule
from ullage.model.errors import NotPermitted
from ullage.settings import Settings, SettingsError

LOG = logging.getLogger(__name__)

DECISIONS_MAX = 4096
"""So many decisions are remembered in each process; then all are forgotten."""
LOOK_SECONDS = 1.0
"""How often the file is looked at for a change."""
ELSEWHERE = "\0"
"""A project, and a user, that nobody has."""

Target = tuple[str | None, str | None]
"""(project, user) that a request is about."""
_Stamp = tuple[int, int, int]


@dataclass(slots=True)
class _Rules:
    """One version of the file, ready to decide, and what it has decided."""

    enforcer: Any
    stamp: _Stamp | None
    asks_others: bool
    """Some check is a request to another service: its answers are not remembered, and take time."""
    decisions: dict[tuple[str, Identity, Target], bool] = field(default_factory=dict)


class Policy:
    """The rules in force; for many threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises SettingsError for a policy_file that cannot be read or has no sense."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._rules = self._load()
        self._look_at = clock() + LOOK_SECONDS

    def require(self, rule: str, identity: Identity, target: Target, *, may_wait: bool = True) -> None:
        """Raise NotPermitted unless the rule lets this asker do this; WouldWait if that is for others to say."""
        if not self.allows(rule, identity, target, may_wait=may_wait):
            raise NotPermitted(rule)

    def allows(self, rule: str, identity: Identity, target: Target, *, may_wait: bool = True) -> bool:
        """Whether the rule lets this asker do this to what is of that project and user."""
        if self._clock() >= self._look_at:
            self._look()
        rules = self._rules
        question = (rule, identity, target)
        decision = rules.decisions.get(question)
        if decision is None:
            if rules.asks_others and not may_wait:
                raise WouldWait
            decision = _decide(rules.enforcer, rule, identity, target)
            if not rules.asks_others:
                if len(rules.decisions) >= DECISIONS_MAX:
                    rules.decisions.clear()
                rules.decisions[question] = decision
        return decision

    @property
    def checks(self) -> Mapping[str, Any]:
        """Rule -> the check that decides it now; its text is `str`."""
        return self._rules.enforcer.rules  # type: ignore[no-any-return]  # oslo.policy says not what it is

    @property
    def in_file(self) -> Mapping[str, Any]:
        """The rules that the file says anew."""
        return self._rules.enforcer.file_rules  # type: ignore[no-any-return]  # oslo.policy says not what it is

    @property
    def faults(self) -> tuple[str, ...]:
        """What is odd about the file, and in force all the same; each a sentence."""
        return faults(self.checks, self.in_file)

    def tell_faults(self) -> None:
        """Write that into the log."""
        for fault in self.faults:
            LOG.warning("policy_file: %s", fault)

    def confinement(self, rule: str, identity: Identity, *, may_wait: bool = True) -> Confinement | None:
        """What holds an asker to its own; None for one that may do this to everybody's."""
        if self.allows(rule, identity, (ELSEWHERE, ELSEWHERE), may_wait=may_wait):
            return None
        return Confinement(self, rule, identity)

    def _look(self) -> None:
        """Take up a file that has changed; one that has no sense leaves the rules as they were."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._look_at = self._clock() + LOOK_SECONDS
            if self._settings.policy_file and _stamp(self._settings.policy_file) != self._rules.stamp:
                self._rules = self._load()
                LOG.info("policy_file has changed and is in force")
                self.tell_faults()
        except (SettingsError, OSError) as trouble:
            LOG.error("policy_file has changed, and its rules are not taken: %s", trouble)
        finally:
            self._lock.release()

    def _load(self) -> _Rules:
        path = self._settings.policy_file
        try:
            stamp = _readable_stamp(path) if path else None
            enforcer = _enforcer(self._settings)
        except OSError as trouble:
            raise SettingsError(f"option policy_file: {path!r} cannot be read: {trouble.strerror}.") from trouble
        except Exception as trouble:
            raise SettingsError(
                f"option policy_file: {path!r} is not accepted. Accepted: a YAML or JSON file of rules by name."
            ) from trouble
        if met := circle(enforcer.rules):
            raise SettingsError(f"option policy_file: rules refer to each other in a circle: {', '.join(met)}.")
        asks_others = any("http:" in str(check) or "https:" in str(check) for check in enforcer.rules.values())
        return _Rules(enforcer, stamp, asks_others)


@dataclass(frozen=True, slots=True)
class Confinement:
    """Holds an asker to what is its own by a rule, where that is known only after something was read."""

    policy: Policy
    rule: str
    identity: Identity

    def permits(self, project: str, user: str) -> bool:
        """Whether what is of this project and user is within it."""
        return self.policy.allows(self.rule, self.identity, (project, user))

    def require(self, project: str, user: str) -> None:
        """Raise NotPermitted for what is not within it."""
        self.policy.require(self.rule, self.identity, (project, user))


def own(identity: Identity) -> Target:
    """The target of a request that is about no project in particular."""
    return identity.project, identity.user


def _decide(enforcer: Any, rule: str, identity: Identity, target: Target) -> bool:
    credentials = {
        "user_id": identity.user,
        "project_id": identity.project,
        "domain_id": identity.domain,
        "roles": sorted(identity.roles),
        "system_scope": "all" if identity.system_scope else None,
        "is_admin_project": True,
    }
    about = {"project_id": target[0], "user_id": target[1]}
    return bool(enforcer.enforce(rule, _said(about), _said(credentials)))


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is None, which oslo.policy would take for the text "None"."""
    return {name: value for name, value in values.items() if value is not None}


def _stamp(path: str) -> _Stamp:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino


def _readable_stamp(path: str) -> _Stamp:
    """Raises OSError for what cannot be read, in whose place oslo.policy would take an empty file."""
    with open(path, "rb") as file:
        file.read(1)
    return _stamp(path)


def _enforcer(settings: Settings) -> Any:
    """Rules of the file over the defaults. It reads the file here and never again."""
    for name in ("oslo_policy.policy", "oslo_policy._parser"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they warn of, and with tracebacks, `faults` tells
    options = cfg.ConfigOpts()
    options([], project="ullage", default_config_files=[], default_config_dirs=[])
    opts.set_defaults(options)
    options.set_override("enforce_new_defaults", settings.enforce_new_defaults, group="oslo_policy")
    options.set_override("policy_dirs", [], group="oslo_policy")
    file = os.path.abspath(settings.policy_file) if settings.policy_file else os.devnull  # or it looks for one
    enforcer = policy.Enforcer(options, policy_file=file)
    enforcer.suppress_default_change_warnings = True
    enforcer.suppress_deprecation_warnings = True
    defaults = {**BASE, **RULES}.items()
    enforcer.register_defaults([_default(name, rule, settings.enforce_scope) for name, rule in defaults])
    enforcer.load_rules()
    enforcer.use_conf = False
    return enforcer


def _default(name: str, rule: Rule, enforce_scope: bool) -> policy.RuleDefault:
    former = policy.DeprecatedRule("rule:admin_api", "role:admin", deprecated_reason="roles", deprecated_since="W")
    return policy.RuleDefault(
        name,
        rule.check,
        scope_types=["project"] if rule.only_projects and enforce_scope else None,
        deprecated_rule=former if rule.was_admin else None,
    )
