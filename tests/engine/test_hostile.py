"""Hostile questions end when their work is done, and say so: counted on small fleets, with a small budget."""

from __future__ import annotations

import pytest

from bench.hostile import QUESTIONS, Question
from ullage.engine.effort import Effort
from ullage.engine.patch import patch
from ullage.engine.search import find
from ullage.engine.snapshot import Snapshot

SIZE = 0.05
BUDGET = 20_000
OVERSHOOT = 20_000
"""One step more may be begun: the judging of a group by everybody, or one anchor with all its choices."""


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
