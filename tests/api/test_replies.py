"""Replies by version: which fields and headers each one has."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from ullage.api import candidate_replies, provider_list, replies
from ullage.api.http import CHUNK_BYTES, WHOLE_CHUNKS_MAX, Call, Request, Response
from ullage.api.versions import Microversion
from ullage.model.allocation import (
    Consumer,
    ConsumerAllocations,
    ConsumerHeld,
    ProviderAllocations,
    ProviderHeld,
    TypeUsage,
)
from ullage.model.candidate import CandidateForm, CandidateRun, Findings, SummaryForm
from ullage.model.commands import AggregatesNow, InventoriesNow, TraitsNow
from ullage.model.inventory import Inventory
from ullage.model.provider import Label, Provider, ProviderInventories, ProviderTraits, Stock
from ullage.model.request import CandidateRequest, RequestGroup
from ullage.operations.service import Service

CHILD = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
ROOT = "7d2590ae-fb85-4080-9306-058b4c915e3f"
LATER_US = 1_577_836_800_000_000
LATER = "Wed, 01 Jan 2020 00:00:00 GMT"
PROVIDER = Provider(CHILD, "child", 3, ROOT, ROOT, LATER_US)
NO_SERVICE = cast(Service, None)


def call(minor: int) -> Call:
    request = Request("GET", b"/", b"", {}, base_url="http://host:8778/placement", mount="/placement")
    return Call(NO_SERVICE, request, Microversion(1, minor))


def body(response: Response) -> Any:
    return json.loads(response.body)


def header(response: Response, name: str) -> str | None:
    return dict(response.headers).get(name)


@pytest.mark.parametrize(
    ("minor", "fields", "relations"),
    [
        (0, set(), ["self", "inventories", "usages"]),
        (1, set(), ["self", "inventories", "usages", "aggregates"]),
        (6, set(), ["self", "inventories", "usages", "aggregates", "traits"]),
        (11, set(), ["self", "inventories", "usages", "aggregates", "traits", "allocations"]),
        (
            14,
            {"parent_provider_uuid", "root_provider_uuid"},
            ["self", "inventories", "usages", "aggregates", "traits", "allocations"],
        ),
    ],
)
def test_a_provider_gains_fields_and_links(minor: int, fields: set[str], relations: list[str]) -> None:
    shown = body(replies.provider(call(minor), PROVIDER))
    assert set(shown) == {"uuid", "name", "generation", "links"} | fields
    assert [link["rel"] for link in shown["links"]] == relations
    address = f"/placement/resource_providers/{CHILD}"
    assert [link["href"] for link in shown["links"]] == [address, *(f"{address}/{name}" for name in relations[1:])]


def test_a_root_has_a_null_parent() -> None:
    shown = body(replies.provider(call(14), Provider(ROOT, "root", 0, None, ROOT)))
    assert shown["parent_provider_uuid"] is None
    assert shown["root_provider_uuid"] == ROOT


def test_caches_are_told_from_one_version_on() -> None:
    assert replies.provider(call(14), PROVIDER).headers == []
    assert replies.provider(call(15), PROVIDER).headers == [("last-modified", LATER), ("cache-control", "no-cache")]


@pytest.mark.parametrize("minor", [0, 1, 6, 11, 14, 39])
def test_a_list_shows_each_provider_as_it_is_shown_alone(minor: int) -> None:
    shown = [
        PROVIDER,
        Provider(ROOT, 'a "name"\n\\ of 100 %s 🦆 "\0uuid"', 12, None, ROOT, LATER_US),
        Provider(ROOT, "null", 0, None, CHILD),
    ]
    listed = body(provider_list.providers(call(minor), shown, 0))
    assert listed == {"resource_providers": [body(replies.provider(call(minor), each)) for each in shown]}


@pytest.mark.parametrize("count", [0, 1, 128, 129, 1_000, 4_000])
def test_a_list_of_any_length_is_whole(count: int) -> None:
    response = provider_list.providers(call(39), [PROVIDER] * count, 0)
    whole = response.body + b"".join(response.chunks or ())
    assert len(json.loads(whole)["resource_providers"]) == count
    assert (response.chunks is not None) == (len(whole) > 1.1 * WHOLE_CHUNKS_MAX * CHUNK_BYTES)


def test_a_long_list_is_made_as_it_is_sent() -> None:
    made = itertools.count()
    response = provider_list.providers(call(39), (PROVIDER for _ in zip(range(100_000), made, strict=False)), 0)
    assert response.chunks is not None
    next(response.chunks)
    assert next(made) < 2_000


def test_a_list_changed_when_its_newest_part_did() -> None:
    assert header(provider_list.providers(call(15), [PROVIDER], LATER_US), "last-modified") == LATER


def test_an_empty_list_changed_now() -> None:
    stamp = header(provider_list.providers(call(15), [], 0), "last-modified")
    assert stamp is not None
    assert stamp != LATER


def test_inventories_have_the_providers_generation() -> None:
    stocks = {"VCPU": Stock(Inventory(8), 3, LATER_US)}
    shown = replies.inventories(call(39), ProviderInventories(PROVIDER, stocks))
    assert body(shown) == {
        "resource_provider_generation": 3,
        "inventories": {
            "VCPU": {
                "total": 8,
                "reserved": 0,
                "min_unit": 1,
                "max_unit": 2147483647,
                "step_size": 1,
                "allocation_ratio": 1.0,
            }
        },
    }
    assert header(shown, "last-modified") == LATER


def test_no_inventories_do_not_say_when_they_changed() -> None:
    for shown in (
        replies.inventories(call(39), ProviderInventories(PROVIDER, {})),
        replies.inventories_now(call(39), InventoriesNow(4, {})),
    ):
        assert shown.headers == [("cache-control", "no-cache")]


def test_one_inventory_holds_the_generation_inside() -> None:
    shown = body(replies.inventory(call(0), Inventory(8, allocation_ratio=16.0), 5, status=201))
    assert shown["resource_provider_generation"] == 5
    assert shown["allocation_ratio"] == 16.0
    assert len(shown) == 7


def test_labels_link_to_themselves() -> None:
    shown = replies.resource_classes(call(15), [Label("VCPU", True, LATER_US), Label("CUSTOM_A", False, 0)])
    assert body(shown) == {
        "resource_classes": [
            {"name": name, "links": [{"rel": "self", "href": f"/placement/resource_classes/{name}"}]}
            for name in ("VCPU", "CUSTOM_A")
        ]
    }
    assert header(shown, "last-modified") == LATER


def test_traits_are_names() -> None:
    assert body(replies.traits(call(6), [Label("A", True), Label("B", False)])) == {"traits": ["A", "B"]}


def test_traits_of_a_provider_have_its_generation() -> None:
    expected = {"traits": ["A"], "resource_provider_generation": 3}
    assert body(replies.provider_traits(call(6), ProviderTraits(PROVIDER, ("A",)))) == expected
    assert body(replies.provider_traits_now(call(6), TraitsNow(3, ("A",)))) == expected


def test_traits_of_a_provider_changed_when_it_did() -> None:
    """The newest trait that is left says nothing of those that are gone."""
    shown = replies.provider_traits(call(15), ProviderTraits(PROVIDER, ("A",), LATER_US - 60_000_000))
    assert header(shown, "last-modified") == LATER


def test_aggregates_gain_a_generation() -> None:
    now = AggregatesNow(4, (ROOT,))
    assert body(replies.aggregates_now(call(18), now)) == {"aggregates": [ROOT]}
    assert body(replies.aggregates_now(call(19), now)) == {"aggregates": [ROOT], "resource_provider_generation": 4}


HELD = ConsumerAllocations(
    Consumer(CHILD, "p", "u", None, 7), {ROOT: ProviderHeld(2, {"VCPU": 1})}, LATER_US
)  # fmt: skip


@pytest.mark.parametrize(
    ("minor", "more"),
    [
        (11, {}),
        (12, {"project_id": "p", "user_id": "u"}),
        (28, {"project_id": "p", "user_id": "u", "consumer_generation": 7}),
        (38, {"project_id": "p", "user_id": "u", "consumer_generation": 7, "consumer_type": "unknown"}),
    ],
)
def test_a_consumer_gains_fields(minor: int, more: dict[str, object]) -> None:
    allocations = {ROOT: {"generation": 2, "resources": {"VCPU": 1}}}
    assert body(replies.consumer_allocations(call(minor), HELD)) == {"allocations": allocations, **more}


def test_of_a_consumer_that_holds_nothing_nothing_is_shown() -> None:
    assert body(replies.consumer_allocations(call(39), None)) == {"allocations": {}}


@pytest.mark.parametrize(("minor", "more"), [(27, {}), (28, {"consumer_generation": 7})])
def test_what_is_held_on_a_provider(minor: int, more: dict[str, object]) -> None:
    held = ProviderAllocations(5, {CHILD: ConsumerHeld(7, {"VCPU": 1})})
    assert body(replies.provider_allocations(call(minor), held)) == {
        "allocations": {CHILD: {"resources": {"VCPU": 1}, **more}},
        "resource_provider_generation": 5,
    }


def test_a_provider_uses_nothing_of_what_is_idle() -> None:
    stocks = {"VCPU": Stock(Inventory(8), 3), "DISK_GB": Stock(Inventory(8), 0)}
    assert body(replies.provider_usages(call(0), ProviderInventories(PROVIDER, stocks))) == {
        "resource_provider_generation": 3,
        "usages": {"VCPU": 3, "DISK_GB": 0},
    }


USAGES = (TypeUsage("INSTANCE", 2, {"VCPU": 3, "DISK_GB": 1}), TypeUsage(None, 1, {"VCPU": 4}))


@pytest.mark.parametrize(
    ("minor", "together", "usages"),
    [
        (9, True, {"VCPU": 7, "DISK_GB": 1}),
        (38, True, {"all": {"consumer_count": 3, "VCPU": 7, "DISK_GB": 1}}),
        (
            38,
            False,
            {
                "INSTANCE": {"consumer_count": 2, "VCPU": 3, "DISK_GB": 1},
                "unknown": {"consumer_count": 1, "VCPU": 4},
            },
        ),
    ],
)
def test_usages_are_shown_by_type_or_summed_up(minor: int, together: bool, usages: object) -> None:
    assert body(replies.usages(call(minor), USAGES, together)) == {"usages": usages}


@pytest.mark.parametrize("together", [True, False])
def test_no_usage_has_no_groups(together: bool) -> None:
    assert body(replies.usages(call(38), (), together)) == {"usages": {}}


def test_a_location_is_a_whole_address() -> None:
    assert replies.location(call(0), "/traits/A") == ("location", "http://host:8778/placement/traits/A")


def test_a_reply_without_a_body_has_no_type() -> None:
    assert replies.without_body() == Response(204)


# Candidates

CANDIDATE = CandidateForm({0: {"VCPU": 1}, 1: {"VGPU": 2}}, {"": (0,), "_G": (1,)}, width=2)
SUMMARY = SummaryForm(("VGPU", "DISK_GB"), ("CUSTOM_A", "HW_B"), is_root=False)
SUMMARY_ROW = (CHILD, ROOT, ROOT, 4, 1, 9, 0)


def findings(copies: int = 1, truncated: bool = False) -> Findings:
    return Findings(
        copies,
        lambda: iter([(CANDIDATE, [(ROOT, CHILD)] * copies)] if copies else []),
        lambda: iter([(SUMMARY, [SUMMARY_ROW])] if copies else []),
        (),
        truncated,
    )


REQUEST = CandidateRequest((RequestGroup("", {"VCPU": 1}), RequestGroup("_G", {"VGPU": 2})))


def candidates(minor: int, found: Findings | None = None) -> Response:
    return candidate_replies.candidates(call(minor), REQUEST, found or findings())


def test_candidates_were_lists_once() -> None:
    assert body(candidates(11))["allocation_requests"] == [
        {
            "allocations": [
                {"resource_provider": {"uuid": ROOT}, "resources": {"VCPU": 1}},
                {"resource_provider": {"uuid": CHILD}, "resources": {"VGPU": 2}},
            ]
        }
    ]


@pytest.mark.parametrize(("minor", "more"), [(12, {}), (34, {"mappings": {"": [ROOT], "_G": [CHILD]}})])
def test_candidates_are_keyed_and_gain_mappings(minor: int, more: dict[str, object]) -> None:
    allocations = {ROOT: {"resources": {"VCPU": 1}}, CHILD: {"resources": {"VGPU": 2}}}
    assert body(candidates(minor))["allocation_requests"] == [{"allocations": allocations, **more}]


VGPU = {"VGPU": {"capacity": 4, "used": 1}}
ALL = {**VGPU, "DISK_GB": {"capacity": 9, "used": 0}}


@pytest.mark.parametrize(
    ("minor", "summary"),
    [
        (16, {"resources": VGPU}),
        (17, {"resources": VGPU, "traits": ["HW_B", "CUSTOM_A"]}),
        (27, {"resources": ALL, "traits": ["HW_B", "CUSTOM_A"]}),
        (
            29,
            {
                "resources": ALL,
                "traits": ["HW_B", "CUSTOM_A"],
                "parent_provider_uuid": ROOT,
                "root_provider_uuid": ROOT,
            },
        ),
    ],
)
def test_summaries_grow(minor: int, summary: dict[str, object]) -> None:
    assert body(candidates(minor))["provider_summaries"] == {CHILD: summary}


def test_an_answer_cut_short_says_so() -> None:
    assert header(candidates(39), "ullage-truncated") is None
    assert header(candidates(39, findings(0, truncated=True)), "ullage-truncated") == "true"


def test_candidates_are_of_this_moment() -> None:
    assert candidates(14).headers == []
    assert header(candidates(15), "cache-control") == "no-cache"
    assert header(candidates(15), "last-modified") is not None


def test_a_root_has_no_parent() -> None:
    form = SummaryForm((), (), is_root=True)
    found = Findings(0, lambda: iter(()), lambda: iter([(form, [(ROOT, ROOT, ROOT)])]), ())
    summary: dict[str, object] = {
        "resources": {},
        "traits": [],
        "parent_provider_uuid": None,
        "root_provider_uuid": ROOT,
    }
    assert body(candidates(39, found)) == {"allocation_requests": [], "provider_summaries": {ROOT: summary}}


def test_capacities_are_whole_numbers_however_large() -> None:
    form = SummaryForm(("DISK_GB",), (), is_root=True)
    found = Findings(0, lambda: iter(()), lambda: iter([(form, [(ROOT, ROOT, ROOT, 10**47, -3)])]), ())
    summaries = body(candidates(20, found))["provider_summaries"]
    assert summaries[ROOT]["resources"] == {}  # of other classes than those asked for nothing is said at 1.20
    summaries = body(candidates(39, found))["provider_summaries"]
    assert summaries[ROOT]["resources"] == {"DISK_GB": {"capacity": 10**47, "used": -3}}


@pytest.mark.parametrize("minor", [10, 12, 39])
def test_a_large_reply_comes_in_chunks_that_make_the_same_text(minor: int) -> None:
    copies = 10_000
    one, large = body(candidates(minor)), candidates(minor, findings(copies))
    assert large.body == b""
    chunks = list(large.chunks or ())
    assert max(map(len, chunks)) < 2 * CHUNK_BYTES
    assert min(map(len, chunks[:-1])) >= CHUNK_BYTES
    assert json.loads(b"".join(chunks)) == {
        "allocation_requests": one["allocation_requests"] * copies,
        "provider_summaries": one["provider_summaries"],
    }


def test_chunks_are_made_when_they_are_sent() -> None:
    asked: list[int] = []

    def runs() -> Iterator[CandidateRun]:
        for number in range(100):
            asked.append(number)
            yield CANDIDATE, [(ROOT, CHILD)] * 1000

    large = candidates(39, Findings(100_000, runs, lambda: iter(()), ()))
    assert len(asked) < 10
    assert sum(map(len, large.chunks or ())) > 100 * CHUNK_BYTES / 2
    assert len(asked) == 100


def test_rows_of_very_many_forms_are_each_their_own() -> None:
    forms = [CandidateForm({0: {"VCPU": number}}, {"": (0,)}, width=1) for number in range(1, 2000)]
    found = Findings(1999, lambda: iter([(form, [(ROOT,)]) for form in forms]), lambda: iter(()), ())
    reply = candidates(39, found)
    requests = json.loads(reply.body or b"".join(reply.chunks or ()))["allocation_requests"]
    amounts = [request["allocations"][ROOT]["resources"]["VCPU"] for request in requests]
    assert amounts == list(range(1, 2000))


def test_a_small_reply_is_one_piece() -> None:
    assert candidates(39).chunks is None
