"""Single questions: one connection, one after the other."""

from __future__ import annotations

from typing import Any

from bench.arena import READY_SECONDS, Arena
from bench.client import Answer, Client, Timing, timed
from bench.context import Context
from bench.results import Figures, Result
from bench.row import Row

LISTS = ("allocation_requests", "resource_providers")


def question(context: Context, row: Row, result: Result) -> None:
    """Ullage, then the same bytes as a static answer, then the reference."""
    arena, pace = context.arena(row), context.pace
    service = arena.ullage(row.workers)
    asked = ask(service.url, row.path, pace.question, pace.samples_max, READY_SECONDS)
    result.ullage = figures(asked)
    if asked.refused:
        result.fail(f"{asked.refused} answers were not 2xx: {asked.last.body[:200]!r}")
        return
    result.floor = floor(context, row.name, asked.last)
    if row.has_reference:
        result.reference = reference(context, arena, row)
        compare(result)


def ask(url: str, path: str, seconds: float, samples_max: int, given: float) -> Timing:
    """Ask one service; raises TimeoutError if an answer keeps silent for longer than `given` seconds."""
    with Client(url, given) as client:
        return timed(lambda: client.ask("GET", path), seconds, samples_max)


def figures(asked: Timing) -> Figures:
    """Milliseconds, the number of things answered, and bytes."""
    found = asked.figures() | {"answers": count(asked.last), "bytes": len(asked.last.body)}
    return found | ({"refused": asked.refused} if asked.refused else {})


def floor(context: Context, name: str, answer: Answer) -> Figures:
    """The same bytes, served by the same HTTP server without a thought."""
    (context.place.static_folder / name).write_bytes(answer.body)
    pace = context.pace
    asked = ask(context.place.static.url, f"/{name}", pace.question, pace.samples_max, READY_SECONDS)
    if asked.last.body != answer.body:
        raise RuntimeError("the static answer is another one")
    return asked.figures() | {"what": f"the same {len(answer.body):,} bytes, static"}


def reference(context: Context, arena: Arena, row: Row) -> Figures:
    """The reference's figures, or that it did not finish in the time it was given."""
    pace = context.pace
    service = arena.reference()
    try:
        asked = ask(service.url, row.path, pace.reference_question, pace.reference_samples_max, pace.given)
    except TimeoutError:
        arena.stop_reference()
        return {"not_within": pace.given}
    except OSError as error:
        arena.stop_reference()
        return {"failed": str(error)[:200]}
    if asked.refused:
        return {"failed": f"{asked.last.status}: {asked.last.body[:200]!r}"}
    return figures(asked)


def count(answer: Answer) -> int | None:
    """How many candidates or providers an answer has."""
    body: Any = answer.json() if answer.status == 200 else {}
    return next((len(body[name]) for name in LISTS if name in body), None)


def compare(result: Result) -> None:
    """Both must have given as many answers, or they were asked different things."""
    if result.ullage is None or result.reference is None or "answers" not in result.reference:
        return
    ours, theirs = result.ullage["answers"], result.reference["answers"]
    if ours != theirs:
        result.fail(f"Ullage gives {ours} answers, the reference {theirs}")
