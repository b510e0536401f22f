"""Who waits for the committer, for how long, and what goes into one batch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from ledger.scenes import claim, replace, uuid_of

from ullage.model.commands import (
    Command,
    CreateProvider,
    CreateResourceClass,
    DeleteProvider,
    DeleteTrait,
    EnsureTrait,
    ReleaseConsumer,
    Reshape,
)
from ullage.model.errors import DeadlineExceeded, QueueFull
from ullage.storage import waiting
from ullage.storage.waiting import Closed, Line, Waiter

TAKE_X = replace(claim("x", {"a": {"VCPU": 1}}))
CLEAR_X = replace(claim("x", {}))
RELEASE_X = ReleaseConsumer(uuid_of("x"))
TAKE_Y = replace(claim("y", {"a": {"VCPU": 1}}))
CREATE_A, DELETE_A = CreateProvider(uuid_of("a"), "a"), DeleteProvider(uuid_of("a"))
ENSURE, ALONE = EnsureTrait("CUSTOM_FAST"), DeleteTrait("CUSTOM_FAST")


def batches(commands: Sequence[Command], batch_max: int = 10) -> list[list[Command]]:
    """How a line cuts these commands when they all wait."""
    line = Line(100)
    line.join([Waiter(command, 60) for command in commands])
    line.close()
    found = []
    while batch := line.take(batch_max):
        found.append([waiter.command for waiter in batch])
    return found


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ([ENSURE, TAKE_X, TAKE_Y], [[ENSURE, TAKE_X, TAKE_Y]]),
        ([ENSURE, ALONE, ENSURE], [[ENSURE], [ALONE], [ENSURE]]),
        ([ALONE, ALONE], [[ALONE], [ALONE]]),
        ([CREATE_A, DELETE_A, CREATE_A], [[CREATE_A, DELETE_A], [CREATE_A]]),
        ([DELETE_A, CreateProvider(uuid_of("b"), "a")], [[DELETE_A, CreateProvider(uuid_of("b"), "a")]]),
        ([TAKE_X, RELEASE_X, TAKE_Y, TAKE_X], [[TAKE_X, RELEASE_X, TAKE_Y], [TAKE_X]]),
        ([CLEAR_X, CLEAR_X, TAKE_X, TAKE_X], [[CLEAR_X, CLEAR_X], [TAKE_X, TAKE_X]]),
        ([RELEASE_X, Reshape({}, TAKE_X.claims)], [[RELEASE_X], [Reshape({}, TAKE_X.claims)]]),
        ([Reshape({}, CLEAR_X.claims), TAKE_X], [[Reshape({}, CLEAR_X.claims)], [TAKE_X]]),
    ],
)
def test_a_batch_ends_before_what_may_not_share_it(commands: list[Command], expected: list[list[Command]]) -> None:
    assert batches(commands) == expected


def test_a_batch_has_a_cap() -> None:
    commands = [CreateResourceClass(f"CUSTOM_{number}") for number in range(5)]
    assert [len(batch) for batch in batches(commands, batch_max=2)] == [2, 2, 1]


def test_a_full_line_takes_nobody() -> None:
    line = Line(2)
    line.join([Waiter(TAKE_X, 60)])
    with pytest.raises(QueueFull):
        line.join([Waiter(TAKE_X, 60), Waiter(TAKE_X, 60)])
    line.join([Waiter(TAKE_X, 60)])
    with pytest.raises(QueueFull):
        line.join([Waiter(TAKE_X, 60)])
    assert len(line.take(10)) == 2
    line.join([Waiter(TAKE_X, 60)])


def test_the_patient_wait_for_room() -> None:
    line = Line(1)
    line.join([Waiter(TAKE_X, 60)])
    patient = threading.Thread(target=line.join, args=([Waiter(TAKE_Y, 60)],), kwargs={"patient": True})
    patient.start()
    assert [waiter.command for waiter in line.take(10)] == [TAKE_X]
    assert [waiter.command for waiter in line.take(10)] == [TAKE_Y]
    patient.join()


def test_whoever_is_late_is_told_and_left_out() -> None:
    line = Line(10)
    late, early = Waiter(TAKE_X, 0), Waiter(TAKE_Y, 60)
    line.join([late, early])
    assert line.take(10) == [early]
    assert isinstance(late.wait(), DeadlineExceeded)
    assert late.is_answered


def test_a_waiter_gives_up_at_its_deadline() -> None:
    outcome = Waiter(TAKE_X, 0.01).wait()
    assert isinstance(outcome, DeadlineExceeded)
    assert outcome.seconds == 0.01


def test_an_answer_may_come_before_or_after_the_waiting_begins() -> None:
    before, after = Waiter(TAKE_X, 60), Waiter(TAKE_X, 60)
    before.answer(None)
    threading.Timer(0.01, after.answer, (QueueFull(),)).start()
    assert before.wait() is None
    assert isinstance(after.wait(), QueueFull)


def test_a_closed_line_serves_those_in_it_and_takes_nobody() -> None:
    line = Line(10)
    line.join([Waiter(TAKE_X, 60)])
    line.close()
    with pytest.raises(Closed):
        line.join([Waiter(TAKE_X, 60)])
    assert len(line.take(10)) == 1
    assert line.take(10) == []


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Company is waited for as long as it takes, so that no test depends on the clock."""
    monkeypatch.setattr(waiting, "COMPANY_SHARE", 1e9)
    monkeypatch.setattr(waiting, "COMPANY_SECONDS_MAX", 60.0)


def taking(line: Line) -> Future[list[Waiter]]:
    """Whoever takes a batch, in a thread."""
    return ThreadPoolExecutor(1).submit(line.take, 10)


@pytest.mark.usefixtures("patient")
def test_who_came_together_is_waited_for_together() -> None:
    line = Line(100)
    line.join([Waiter(TAKE_X, 60) for _ in range(3)])
    assert len(line.take(10)) == 3
    line.join([Waiter(TAKE_X, 60)])
    taken = taking(line)
    line.join([Waiter(TAKE_X, 60)])
    with pytest.raises(TimeoutError):
        taken.result(timeout=0.2)
    line.join([Waiter(TAKE_X, 60)])
    assert len(taken.result(timeout=30)) == 3


@pytest.mark.usefixtures("patient")
def test_who_was_alone_waits_for_nobody() -> None:
    line = Line(100)
    for _ in range(3):
        line.join([Waiter(TAKE_X, 60)])
        assert len(taking(line).result(timeout=30)) == 1


@pytest.mark.usefixtures("patient")
def test_a_line_that_closes_waits_for_nobody() -> None:
    line = Line(100)
    line.join([Waiter(TAKE_X, 60) for _ in range(3)])
    assert len(line.take(10)) == 3
    line.join([Waiter(TAKE_X, 60)])
    taken = taking(line)
    line.close()
    assert len(taken.result(timeout=30)) == 1


def test_company_that_does_not_come_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "COMPANY_SECONDS_MAX", 0.05)
    monkeypatch.setattr(waiting, "COMPANY_SHARE", 1e9)
    line = Line(100)
    line.join([Waiter(TAKE_X, 60) for _ in range(3)])
    assert len(line.take(10)) == 3
    line.join([Waiter(TAKE_X, 60)])
    assert len(taking(line).result(timeout=30)) == 1


def test_who_comes_while_the_taker_stands_aside_is_in_the_batch() -> None:
    standing, go_on = threading.Event(), threading.Event()

    def stand_aside() -> None:
        standing.set()
        assert go_on.wait(60)

    line = Line(100, stand_aside)
    taken = ThreadPoolExecutor(1).submit(line.take, 10)
    assert not standing.wait(0.2)  # while nobody is there, nobody is stood aside for
    line.join([Waiter(TAKE_X, 60)] * waiting.STANDS_ASIDE_FROM)
    assert standing.wait(60)
    line.join([Waiter(TAKE_Y, 60)])
    go_on.set()
    assert [waiter.command for waiter in taken.result(60)] == [*[TAKE_X] * waiting.STANDS_ASIDE_FROM, TAKE_Y]


def test_a_few_commands_stand_aside_for_nobody() -> None:
    line = Line(100, lambda: pytest.fail("stood aside"))
    few = [Waiter(TAKE_X, 60) for _ in range(waiting.STANDS_ASIDE_FROM - 1)]
    line.join(few)
    assert line.take(10) == few
