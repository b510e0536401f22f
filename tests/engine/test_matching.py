"""Seating all at once, against trying everything."""

from __future__ import annotations

from collections import Counter
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from ullage.engine.matching import seats_all

CHOICES = st.lists(st.lists(st.integers(0, 4), unique=True, max_size=4), max_size=6)


@given(CHOICES, st.dictionaries(st.integers(0, 4), st.integers(0, 2)), st.booleans())
def test_it_finds_seats_if_and_only_if_there_are(choices: list[list[int]], seats: dict[int, int], alike: bool) -> None:
    if alike:
        choices = choices[:1] * len(choices)  # the same list object, as alike slots have it
    possible = any(
        all(count <= seats.get(provider, 0) for provider, count in Counter(chosen).items())
        for chosen in product(*choices)
    )
    assert seats_all(dict(seats), dict(enumerate(choices)))[0] == possible


def test_alike_slots_look_through_their_choices_once() -> None:
    everyone = list(range(500))
    answer, steps = seats_all(dict.fromkeys(everyone, 1), dict.fromkeys(range(500), everyone))
    assert answer
    assert steps <= 2 * len(everyone)
