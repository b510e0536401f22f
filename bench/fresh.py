"""Searches while others claim as fast as they can, and how soon a claim that was acknowledged shows in one."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.arena import Arena, new_run
from bench.claims import SETTLE_SECONDS, check, claim_of
from bench.client import Answer, Client, Timing, percentile
from bench.context import Context
from bench.load import Load, background
from bench.questions import floor
from bench.results import Figures, Result
from bench.row import Row

AMOUNTS = (1, 2)
"""What the one consumer that is followed holds, in turn."""


def fresh(context: Context, row: Row, result: Result) -> None:
    """Before each search a claim that it has to show; claims go to the first host, searches to the last.

    The row fails if a search that began after a claim was acknowledged does not show it.
    """
    arena, pace = context.arena(row), context.pace
    services = arena.hosts(row.hosts, row.workers)
    followed, claims = _measured(arena, services[0].url, services[-1].url, row, pace.load, pace.given)
    asked = followed.timing()
    result.ullage = asked.figures() | followed.figures(claims)
    if asked.refused or claims.refused or claims.broken:
        result.fail(f"{asked.refused} searches and {claims.refused} claims were not 2xx, {claims.broken} broke")
    if followed.stale or not followed.shown:
        result.fail(f"{followed.stale} of {asked.samples} searches did not show a claim acknowledged before they began")
    check(arena, result)
    result.floor = floor(context, row.name, asked.last)
    if row.has_reference:
        result.reference = _reference(context, arena, row)
        arena.settle_reference()


def _reference(context: Context, arena: Arena, row: Row) -> Figures:
    """Its answers need not have the provider that is followed; then nothing is said of how fresh they are."""
    pace, url = context.pace, arena.reference().url
    try:
        followed, claims = _measured(arena, url, url, row, pace.reference_searches, pace.given)
    except OSError:
        return {"not_within": pace.given}
    figures = followed.figures(claims)
    note = figures.get("note", f"{claims.rate:,.0f} claims/s meanwhile")
    refused = f"; {claims.refused} of {claims.answered} claims were not 2xx" if claims.refused else ""
    return followed.timing().figures() | figures | {"note": f"{note}{refused}"}


def _measured(
    arena: Arena, claiming_url: str, searching_url: str, row: Row, seconds: float, given: float
) -> tuple[Followed, Load]:
    """Claims by `row.clients` from all providers but one that is in the answer: its one consumer is followed."""
    with Client(claiming_url, given) as claiming, Client(searching_url, given) as searching:
        provider = next(iter(searching.ask("GET", row.path).json()["provider_summaries"]))
        followed = Followed(claiming, provider)
        arguments = [str(arena.hosts_file(but=provider)), new_run()]
        with background(claiming_url, "claims", row.clients, arguments) as load:
            time.sleep(SETTLE_SECONDS)
            followed.follow(lambda: searching.ask("GET", row.path), seconds - SETTLE_SECONDS)
            return followed, load.end()


class Followed:
    """One consumer on one provider, whose claims are looked for in what searches say of that provider."""

    def __init__(self, client: Client, provider: str) -> None:
        self.taken: list[float] = []
        """Milliseconds of each search."""
        self.shown: list[float] = []
        """Milliseconds from a claim's acknowledgement to the end of the first search that showed it."""
        self.stale = 0
        """Searches that began after an acknowledgement and did not show it."""
        self._client = client
        self._provider = provider
        self._generation: int | None = None
        self._refused = 0
        self._ended = 0.0
        self._last = Answer(0, b"")

    def follow(self, ask: Callable[[], Answer], seconds: float) -> None:
        """Claim, then search until the claim shows, again and again until the time is up."""
        until = time.perf_counter() + seconds
        consumer = f"{new_run()}-0000-4000-8000-{0:012x}"
        before = self._used_by_others()
        while time.perf_counter() < until:
            amount = AMOUNTS[(self._generation or 0) % len(AMOUNTS)]
            if not self._claim(consumer, amount):
                before = None  # a refused claim may have happened: what is used is not known any more
            self._look(ask, None if before is None else before + amount, until)

    def timing(self) -> Timing:
        return Timing.of(self.taken, self._refused, self._last)

    def figures(self, claims: Load) -> Figures:
        """How fresh the searches were, and beside how many claims."""
        if not self.shown:
            return {"stale": self.stale, "claims": claims.rate}
        shown = {"shown_median": percentile(self.shown, 0.5), "shown_p99": percentile(self.shown, 0.99)}
        note = (
            f"{claims.rate:,.0f} claims/s meanwhile; a claim showed {shown['shown_median']:.1f} ms after its "
            f"acknowledgement (p99 {shown['shown_p99']:.1f} ms), in the first search that began after it "
            f"{len(self.shown) - self.stale} of {len(self.shown)} times"
        )
        return {"stale": self.stale, "claims": claims.rate, "note": note, **shown}

    def _claim(self, consumer: str, amount: int) -> bool:
        body = claim_of({self._provider: {"VCPU": amount}}, generation=self._generation)
        answer = self._client.ask("PUT", f"/allocations/{consumer}", body)
        is_good = 200 <= answer.status < 300
        self._generation = (self._generation or 0) + 1 if is_good else self._generation
        return is_good

    def _look(self, ask: Callable[[], Answer], wanted: int | None, until: float) -> None:
        """Search until `wanted` is said to be used; once, if that cannot be told."""
        acknowledged = time.perf_counter()
        while (used := self._search(ask)) is not None and wanted is not None:
            if used == wanted:
                self.shown.append((self._ended - acknowledged) * 1000)
                return
            self.stale += 1
            if time.perf_counter() >= until:
                return

    def _search(self, ask: Callable[[], Answer]) -> int | None:
        """What the provider's VCPU have in use, as this search says; None if it does not speak of it."""
        began = time.perf_counter()
        self._last = answer = ask()
        self._ended = time.perf_counter()
        self.taken.append((self._ended - began) * 1000)
        if not 200 <= answer.status < 300:
            self._refused += 1
            return None
        summary = answer.json()["provider_summaries"].get(self._provider)
        return None if summary is None else int(summary["resources"]["VCPU"]["used"])

    def _used_by_others(self) -> int | None:
        answer = self._client.ask("GET", f"/resource_providers/{self._provider}/usages")
        return int(answer.json()["usages"]["VCPU"]) if answer.status == 200 else None
