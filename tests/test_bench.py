"""The bench's rows and reports, on made-up figures: nothing is measured here."""

from __future__ import annotations

import itertools
import json
import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from bench import ROOT, goals, plots, report, table, worlds
from bench.client import Answer, Client
from bench.fresh import Followed
from bench.pace import Overdue, within
from bench.results import Figures, Result
from bench.row import DATABASES, SECTIONS, Row
from bench.rows import FLAT, ROWS, candidates, groups, in_order_of_arenas
from bench.run import KINDS
from ullage.cli import fleet
from ullage.cli.expand import expand

MACHINE: dict[str, Any] = {"date": "2030-01-01 12:00:00 +0000", "cores": 2, "versions": {"Ullage": "1.0"}}

SHAPES = [
    *(f"flat {count}" for count in (1_000, 10_000, 100_000, 1_000_000)),
    "NUMA trees",
    "wide 8",
    "wide 64",
    "sharing storage",
    "95 % full",
    "none fits",
    "unlimited",
    "1,000 candidates",
    "mixed",
    "hot provider",
    *(f"spread {clients}" for clients in (1, 4, 16, 64)),
    "lone claim",
    "freshness",
    "hostile searches",
    "multi-consumer",
    "provider set-up",
    "bulk load",
    "listing",
    "cold start",
    "memory",
    "identity and policy",
    "scale-out",
    "several hosts",
]


def row(name: str) -> Row:
    return next(each for each in ROWS if each.name == name)


def gave(name: str, ullage: float | None, reference: Figures | None = None, floor: float | None = None) -> Result:
    """A made-up result."""
    made = Result(name, is_quick=False, when="2030-01-01 12:00:00 +0000", reference=reference)
    if ullage is not None:
        made.ullage = {"value": ullage, "median": ullage, "p99": 2 * ullage, "samples": 9}
    if floor is not None:
        made.floor = {"value": floor, "what": "pgbench"}
    return made


def book(folder: Path, *results: Result) -> report.Book:
    made = report.Book(folder / "latest.json", MACHINE, is_quick=False, results={})
    for each in results:
        made.keep(each)
    return made


def verdict(name: str, *results: Result) -> goals.Verdict:
    found = goals.verdict(row(name), {each.name: each for each in results})
    if found is None:
        raise LookupError(f"{name} has no goal")
    return found


# The rows


def test_every_shape_has_a_row() -> None:
    assert sorted({each.shape for each in ROWS}) == sorted(SHAPES)


def test_wide_trees_are_asked_for_one_to_eight_groups() -> None:
    assert [row(f"wide-8-groups-{count}").path.count("resources") for count in range(1, 9)] == list(range(1, 9))


def test_claims_are_spread_over_every_database_with_every_number_of_clients() -> None:
    claims = {(each.database, each.clients) for each in ROWS if each.shape.startswith("spread")}
    assert claims == {(database, clients) for database in DATABASES for clients in (1, 4, 16, 64)}


def test_rows_can_be_told_apart_and_have_what_they_need() -> None:
    names = [each.name for each in ROWS]
    assert len(set(names)) == len(names)
    assert {each.section for each in ROWS} == set(SECTIONS)
    assert {each.kind for each in ROWS} == KINDS.keys()
    assert {each.stands_for for each in ROWS} - {""} <= set(names)
    assert {each.goal.of for each in ROWS if each.goal} - {"", "floor", "reference"} <= set(names)


def test_rows_of_one_world_follow_each_other_and_loading_comes_first() -> None:
    ordered = in_order_of_arenas(list(ROWS))
    arenas = [(each.world, each.database) for each in ordered]
    changes = sum(one != other for one, other in itertools.pairwise(arenas))
    assert changes == len(set(arenas)) - 1
    for position, each in enumerate(ordered):
        if each.kind == "load":
            assert position == 0 or ordered[position - 1].kind == "load" or arenas[position - 1] != arenas[position]


def test_questions_are_written_as_clients_write_them() -> None:
    assert candidates(None, {"resources": "VCPU:1"}) == "/allocation_candidates?resources=VCPU:1"
    two = groups(2, "VGPU:1", 10)
    assert two == "/allocation_candidates?resources1=VGPU:1&resources2=VGPU:1&group_policy=none&limit=10"
    assert "required=HW_CPU_X86_AVX2" in FLAT


def test_the_largest_worlds_come_last() -> None:
    sizes = [worlds.provider_count(each.world) for each in in_order_of_arenas(list(ROWS))]
    assert sizes[-1] == 1_000_000
    first = next(position for position, size in enumerate(sizes) if size >= 100_000)
    assert all(size >= 100_000 for size in sizes[first:])


# The worlds


@pytest.mark.parametrize("kind", worlds.MAKERS)
def test_a_world_is_a_fleet_and_the_same_every_time(kind: str) -> None:
    made = worlds.fleet(f"{kind}-120")
    assert made == worlds.fleet(f"{kind}-120")
    plan = expand(fleet.from_data(made))
    assert len(plan.providers) == (0 if kind == "empty" else worlds.provider_count(f"{kind}-120"))


def test_a_flat_fleet_has_three_inventories_three_aggregates_and_two_traits_each() -> None:
    plan = expand(fleet.from_data(worlds.fleet("flat-700")))
    assert len(plan.providers) == 700
    for each in plan.providers:
        assert (len(each.inventories), len(each.aggregates), len(each.traits)) == (3, 3, 2)
        assert worlds.aggregate_uuid("hall") in each.aggregates
    assert {each.uuid for each in plan.providers} == set(worlds.host_uuids(700))


def test_a_full_fleet_has_one_host_in_twenty_with_room() -> None:
    plan = expand(fleet.from_data(worlds.fleet("full-1000")))
    assert len(plan.providers) - len({name for each in plan.consumers for name in each.holds}) == 50


def test_trees_have_the_shapes_that_their_rows_say() -> None:
    assert len(expand(fleet.from_data(worlds.fleet("numa-10"))).providers) == 70
    assert len(expand(fleet.from_data(worlds.fleet("wide-8"))).providers) == 9


# How fresh searches are


class Told(Client):
    """A service in which one consumer holds something, and whose searches know of its claims `late` claims later."""

    def __init__(self, late: int) -> None:
        super().__init__("http://127.0.0.1:1", 1)
        self.used = [5]
        self._late = late
        self._searches = 0

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        if method == "PUT":
            assert body["consumer_generation"] == (len(self.used) - 1 or None)
            self.used.append(5 + body["allocations"]["p"]["resources"]["VCPU"])
            return Answer(204, b"")
        return Answer(200, json.dumps({"usages": {"VCPU": self.used[-1]}}).encode())

    def search(self) -> Answer:
        self._searches += 1
        used = self.used[-1] if self._searches % (self._late + 1) == 0 else self.used[-2]
        return Answer(200, json.dumps({"provider_summaries": {"p": {"resources": {"VCPU": {"used": used}}}}}).encode())


@pytest.mark.parametrize("late", [0, 1])
def test_searches_that_do_not_show_an_acknowledged_claim_are_counted(late: int) -> None:
    service = Told(late)
    followed = Followed(service, "p")
    followed.follow(service.search, 0.02)
    assert followed.shown
    assert len(followed.taken) == len(followed.shown) + followed.stale
    assert (followed.stale > 0) == (late > 0)


# Goals


def test_less_time_is_better_and_more_claims_are() -> None:
    assert verdict("flat-1000", gave("flat-1000", 0.9)).reached == "aim"
    assert verdict("flat-1000", gave("flat-1000", 3.0)).reached == "must"
    assert verdict("flat-1000", gave("flat-1000", 3.1)).reached == "missed"
    assert verdict("claims-sqlite-64", gave("claims-sqlite-64", 3_000)).reached == "must"
    assert verdict("claims-sqlite-64", gave("claims-sqlite-64", 2_999)).reached == "missed"


def test_goals_may_be_multiples_of_the_floor_the_reference_or_another_row() -> None:
    by_floor = verdict("claims-mariadb-16", gave("claims-mariadb-16", 600, floor=1_000))
    assert (by_floor.must, by_floor.aim, by_floor.reached) == (600, 1_200, "must")
    by_reference = verdict("set-up", gave("set-up", 1_000, {"value": 60.0}))
    assert (by_reference.must, by_reference.reached) == (1_200, "missed")
    hot, spread = gave("claims-sqlite-hot", 1_500), gave("claims-sqlite-64", 3_000)
    assert verdict("claims-sqlite-hot", hot, spread).reached == "must"
    assert verdict("claims-sqlite-hot", hot).reached == "unknown"


def test_a_failed_row_reaches_nothing() -> None:
    failed = gave("flat-1000", 0.5)
    failed.fail("3 answers were not 2xx")
    assert verdict("flat-1000", failed).reached == "missed"


# Results on file


def test_results_are_merged_by_row_and_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    book(tmp_path, gave("flat-1000", 1.0), gave("flat-10000", 2.0))
    file = tmp_path / "latest.json"
    again = report.Book.open(file, MACHINE, is_quick=False, keeps=True)
    assert again.has_good("flat-1000")
    again.keep(gave("flat-1000", 7.0))
    found = json.loads(file.read_text())["rows"]
    assert found["flat-1000"]["goal"] == {"must": 3, "aim": 1, "reached": "missed"}
    assert {name: each["ullage"]["value"] for name, each in found.items()} == {"flat-1000": 7.0, "flat-10000": 2.0}


def test_a_new_run_begins_with_nothing(tmp_path: Path) -> None:
    book(tmp_path, gave("flat-1000", 1.0))
    assert not report.Book.open(tmp_path / "latest.json", MACHINE, is_quick=False, keeps=False).results


def test_results_of_another_machine_are_not_kept(tmp_path: Path) -> None:
    book(tmp_path, gave("flat-1000", 1.0))
    other = MACHINE | {"cores": 64}
    assert not report.Book.open(tmp_path / "latest.json", other, is_quick=False, keeps=True).results


def test_rows_that_failed_or_were_measured_quickly_are_measured_again(tmp_path: Path) -> None:
    failed, quick = gave("flat-1000", 1.0), gave("flat-10000", 1.0)
    failed.fail("broken")
    quick.is_quick = True
    made = book(tmp_path, failed, quick)
    assert not made.has_good("flat-1000")
    assert not made.has_good("flat-10000")
    assert not made.has_good("flat-100000")


def test_the_rate_of_pgbench_is_kept_for_what_goes_on(tmp_path: Path) -> None:
    assert book(tmp_path, gave("claims-mariadb-16", 600, floor=1_000)).transactions() == {16: 1_000}


def test_the_last_line_is_for_scripts() -> None:
    failed = gave("flat-10000", 1.0)
    failed.fail("broken")
    results = {each.name: each for each in (gave("flat-1000", 1.0), failed, gave("list-100000", 90.0))}
    line = report.last_line(results, left_out=2, seconds=61.4)
    assert line == "BENCH rows=3 must_reached=1/2 failed=1 left_out=2 seconds=61"


# What people read


def test_the_table_says_both_figures_the_ratio_the_goal_and_what_was_reached(tmp_path: Path) -> None:
    made = book(tmp_path, gave("flat-1000", 0.5, {"value": 250.0, "median": 250.0, "p99": 300.0}, 0.25))
    made.results["flat-1000"].seconds = 12.7
    line = next(line for line in table.text(made.results, MACHINE, is_quick=False).splitlines() if "1,000 prov" in line)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        "flat-1000",
        "1,000 providers, limit 10",
        "0.5 ms",
        "250 ms",
        "500 x",
        "0.25 ms",
        "3, 1 ms",
        "**aim**",
        "0.5, 1 ms",
        "250, 300 ms",
        "13 s",
    ]


def test_a_reference_that_did_not_finish_is_shown_with_the_time_it_was_given(tmp_path: Path) -> None:
    slow = gave("flat-100000", 6.0, {"not_within": 60.0})
    made = book(tmp_path, slow, gave("flat-1000000", 40.0))
    text = table.text(made.results, MACHINE, is_quick=False)
    assert "| not within 60 s |" in text
    assert "| not within 60 s (flat-100000) |" in text


def test_failures_and_refusals_are_told_in_the_notes(tmp_path: Path) -> None:
    failed = gave("flat-1000", 1.0)
    failed.fail("Ullage gives 9 answers, the reference 10")
    refused = gave("claims-sqlite-16", 2_000.0, {"value": 5.0, "samples": 60, "refused": 10, "median": 1, "p99": 2})
    text = table.text(book(tmp_path, failed, refused).results, MACHINE, is_quick=True)
    assert "failed: Ullage gives 9 answers" in text
    assert "50 good answers, 10 that were not 2xx" in text
    assert text.startswith("A quick run")


def test_rows_of_an_earlier_run_are_named(tmp_path: Path) -> None:
    later = gave("flat-10000", 1.0)
    later.when = "2030-01-01 12:00:01 +0000"
    made = book(tmp_path, gave("flat-1000", 1.0), later)
    assert "earlier run" not in table.text(made.results, MACHINE, is_quick=False)
    now = MACHINE | {"date": later.when}
    assert "have been others: flat-1000.\n" in table.text(made.results, now, is_quick=False)


def test_plots_have_a_title_axes_with_units_a_legend_and_lines_for_all(tmp_path: Path) -> None:
    results = [gave(f"flat-{count}", 1.0 + count, {"value": 300.0 + count}, 0.2) for count in (1_000, 10_000)]
    claims = [gave(f"claims-mariadb-{clients}", 100.0 * clients, {"value": 15.0}, 900) for clients in (1, 4, 16, 64)]
    drawn = plots.draw(book(tmp_path, *results, *claims).results)
    assert drawn.keys() == {"latency.svg", "claims-mariadb.svg"}
    for name, image in drawn.items():
        texts = [each.text for each in ElementTree.fromstring(image).iter("{http://www.w3.org/2000/svg}text")]
        unit = "median of an answer, ms" if name == "latency.svg" else "claims/s"
        assert {plots.NAMES[name], unit, "Ullage", "reference", "must reach", "aims at"} <= set(texts)
        assert image.count("<polyline") == 5


def test_where_the_reference_did_not_finish_a_triangle_points_upwards(tmp_path: Path) -> None:
    slow = gave("flat-100000", 6.0, {"not_within": 60.0})
    image = plots.draw(book(tmp_path, gave("flat-1000", 1.0), slow, gave("flat-1000000", 40.0)).results)["latency.svg"]
    assert image.count("<polygon") == 3, "at two sizes, and in the legend"
    assert "reference: not within" in image


def test_ten_times_as_much_is_equally_far_everywhere_on_an_axis() -> None:
    line = plots.Line("Ullage", "Ullage", [(1_000.0, 1.0), (10_000.0, 10.0), (100_000.0, 100.0)])
    image = ElementTree.fromstring(plots.svg("t", "x", "y", [line]))
    places = [
        (float(each.attrib["cx"]), float(each.attrib["cy"]))
        for each in image.iter("{http://www.w3.org/2000/svg}circle")
    ]
    (x1, y1), (x2, y2), (x3, y3) = places
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)


def test_the_page_gets_what_is_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    book(tmp_path, gave("flat-1000", 1.0)).publish(page)
    text = page.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text
    assert "latency.svg" in text
    assert "1,000 providers, limit 10" in text
    assert (tmp_path / "latest.md").read_text().strip() in text


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        report.put_between("no marks", "text")


def test_the_page_of_the_project_has_the_marks() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    assert page.index(report.BEGIN) < page.index(report.END)


# Time


def test_what_takes_longer_than_it_was_given_is_ended_and_the_enclosing_alarm_stays_set() -> None:
    with within(600):
        with pytest.raises(Overdue, match=r"not within 0\.01 s"):
            endless()
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def endless() -> None:
    with within(0.01):
        while True:
            signal.pause()
