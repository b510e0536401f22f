"""The command that shows the policy rules in force."""

from __future__ import annotations

import dataclasses
import json

from ullage.cli import output
from ullage.cli.trouble import Trouble
from ullage.review.rules import ShownRule, shown
from ullage.settings import Settings, SettingsError


def show(settings: Settings, rule: str | None, *, as_json: bool) -> bool:
    """Print the rules, or one; whether nothing is wrong with the file. Raises Trouble."""
    try:
        rules, faults = shown(settings)
    except SettingsError as error:
        raise Trouble(str(error)) from None
    wanted = [each for each in rules if rule in (None, each.name)]
    if not wanted:
        raise Trouble(f"there is no rule {rule!r}; `ullage policy show` shows all of them")
    for each in wanted:
        output.say(json.dumps(dataclasses.asdict(each)) if as_json else _as_text(each))
    for fault in faults:
        output.complain(f"policy_file: {fault}")
    return not faults


def _as_text(rule: ShownRule) -> str:
    lines = [rule.name, f"    in force:  {rule.check}"]
    if rule.default is None:
        lines.append("    only in the file")
    elif rule.is_in_file:
        lines.append(f"    replaces:  {rule.default}")
    return "\n".join([*lines, *(f"    asked by:  {route}" for route in rule.routes)])
