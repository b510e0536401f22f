"""Few independent assignments are those of a walk, in its order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ullage.engine.combine import Walk
from ullage.engine.effort import Effort
from ullage.engine.few import FewAssignments, are_independent
from ullage.engine.lineage import Lineage
from ullage.engine.rules import Anchor, Rules
from ullage.engine.snapshot import Snapshot

CHOICES = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True).map(tuple), min_size=1, max_size=4)


@given(CHOICES, st.lists(st.booleans(), min_size=4, max_size=4), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_they_are_those_of_a_walk_in_its_order(
    choices: list[tuple[int, ...]], is_suffixed: list[bool], traits: list[int]
) -> None:
    count = len(choices)
    rules = Rules(
        is_suffixed=tuple(is_suffixed[:count]),
        demands=tuple(((class_key, 1),) for class_key in range(count)),
        traits_together=3 if not all(is_suffixed[:count]) else 0,
    )
    assert are_independent(rules)
    anchor = Anchor(1, tuple(choices), traits=dict(enumerate(traits, 1)))
    walk = Walk(rules, anchor, Lineage(Snapshot.empty()), Effort(), distinct=True)
    assert list(FewAssignments(rules, anchor)) == list(walk.assignments(lambda _: True))


RULES = Rules((False, True), (((1, 1),), ((2, 1),)))


@pytest.mark.parametrize(
    "other",
    [
        replace(RULES, contended=frozenset({1})),
        replace(RULES, isolate=True),
        replace(RULES, subtrees=((0, 1),)),
        replace(RULES, one_provider_per_tree=True),
        replace(RULES, demands=(((1, 1),), ())),
    ],
)
def test_rules_between_slots_make_them_dependent(other: Rules) -> None:
    assert are_independent(RULES)
    assert not are_independent(other)
