"""Hostile questions end when their work is done, and say so: counted on small fleets, with a small budget."""

from __future__ import annotations

import tracemalloc

import pytest

from bench.hostile import QUESTIONS, Question, groups, trees
from ullage.engine.effort import SLOT_WALKING, WORK_MAX, Effort
from ullage.engine.patch import patch
from ullage.engine.search import find
from ullage.engine.snapshot import Snapshot
from ullage.model.request import CandidateRequest, GroupPolicy

SIZE = 0.05
BUDGET = 20_000
OVERSHOOT = 20_000
"""One step more may be begun: the judging of a group by everybody, or one anchor with all its choices."""
PAUSE_AFTER, STEP = 200, 5_000
"""In units: when others are given a chance, and what a single step may take at the most."""

SLOTS = 40
BYTES_OF_SLOT = 80
"""The most that is kept of each slot of an answer, for the answer and to compare others with it."""


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_hostile_question_ends_with_its_work(question: Question) -> None:
    delta = question.fleet(SIZE)
    snapshot, request = patch(Snapshot.empty(), delta), question.request(delta)
    effort = Effort(BUDGET)
    found = find(snapshot, request, effort=effort)
    assert effort.done < BUDGET + OVERSHOOT
    assert found.gave_up <= found.truncated
    again = Effort(BUDGET)
    assert find(snapshot, request, effort=again).count == found.count
    assert again.done == effort.done
    if found.gave_up:
        more = find(snapshot, request, effort=Effort(4 * BUDGET))
        assert more.count >= found.count


def test_most_of_the_questions_would_take_more_than_they_may() -> None:
    ended = 0
    for question in QUESTIONS:
        delta = question.fleet(SIZE)
        ended += find(patch(Snapshot.empty(), delta), question.request(delta), effort=Effort(BUDGET)).gave_up
    assert ended >= len(QUESTIONS) // 3


def wide_answers(limit: int) -> tuple[Effort, int]:
    """The work of so many answers of 40 slots, and the bytes that it took at the most."""
    snapshot = patch(Snapshot.empty(), trees(1, 40, 10))
    request = CandidateRequest(groups(SLOTS, (3, 5, 4)), GroupPolicy.NONE, limit=limit)
    effort = Effort()
    tracemalloc.start()
    try:
        assert find(snapshot, request, effort=effort).count == limit
        return effort, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_answer_counts_for_its_slots_and_little_is_kept_of_it() -> None:
    wide_answers(10)  # what is made once is there
    few, few_bytes = wide_answers(10)
    many, many_bytes = wide_answers(310)
    assert (many.done - few.done) / 300 >= SLOTS * SLOT_WALKING
    assert (many_bytes - few_bytes) / 300 < SLOTS * BYTES_OF_SLOT


def test_a_thousand_answers_that_take_long_to_find_are_within_the_work_of_one_search() -> None:
    question = next(one for one in QUESTIONS if one.name.startswith("subtrees: 32 groups"))
    delta = question.fleet(1)
    asked = question.request(delta)
    effort = Effort()
    found = find(patch(Snapshot.empty(), delta), asked, effort=effort)
    assert (found.count, found.gave_up) == (asked.limit, False)
    assert effort.done < WORK_MAX


def test_ten_thousand_trees_that_are_one_provider_too_small_are_within_the_work_of_one_search() -> None:
    question = next(one for one in QUESTIONS if one.name.startswith("one group more"))
    delta = question.fleet(SIZE)
    effort = Effort()
    found = find(patch(Snapshot.empty(), delta), question.request(delta), effort=effort)
    assert (found.count, found.truncated) == (0, False)
    assert effort.done / SIZE < WORK_MAX / 4


def pauses(question: Question) -> tuple[int, Effort]:
    """How often a search gave others the chance to come between, and its work."""
    delta = question.fleet(SIZE)
    snapshot, request = patch(Snapshot.empty(), delta), question.request(delta)
    chances: list[int] = []
    effort = Effort(BUDGET, pause_after=PAUSE_AFTER)
    effort.pause = lambda: chances.append(effort.done)
    found = find(snapshot, request, effort=effort)
    alone = Effort(BUDGET)
    assert find(snapshot, request, effort=alone).count == found.count
    assert alone.done == effort.done
    return len(chances), effort


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_hostile_question_gives_others_the_chance_to_come_between(question: Question) -> None:
    chances, effort = pauses(question)
    assert chances >= effort.done // STEP


def test_what_finds_nothing_for_long_gives_it_too() -> None:
    chances, effort = pauses(next(one for one in QUESTIONS if one.name.startswith("packing") and "trees" in one.name))
    assert chances > effort.done // (2 * PAUSE_AFTER)
