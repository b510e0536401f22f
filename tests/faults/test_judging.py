"""The judge of `make faults` finds what is lost, sold twice or half done."""

from __future__ import annotations

from faults.clients import Memory
from faults.judging import judge

A, B = "a", "b"


def test_nothing_is_found_where_all_is_as_it_was_answered() -> None:
    memory = Memory(holds={"x": {A: 2}, "y": {}}, unsure={"z": ({}, {A: 1, B: 1}), "w": ({B: 1}, {})}, acknowledged=3)
    verdict = judge([memory], {"x": {A: 2}, "z": {A: 1, B: 1}}, capacity=3)
    assert (verdict.acknowledged, verdict.lost, verdict.overcommitted, verdict.trouble) == (3, [], [], [])


def test_what_was_answered_and_is_not_there_is_lost() -> None:
    assert len(judge([Memory(holds={"x": {A: 2}})], {}, capacity=3).lost) == 1
    assert len(judge([Memory(holds={"x": {}})], {"x": {A: 2}}, capacity=3).lost) == 1
    assert len(judge([Memory(holds={"x": {A: 2}})], {"x": {A: 1}}, capacity=3).lost) == 1


def test_what_is_half_done_or_asked_for_by_nobody_is_trouble() -> None:
    half = judge([Memory(unsure={"z": ({}, {A: 1, B: 1})})], {"z": {A: 1}}, capacity=3)
    assert len(half.trouble) == 1
    assert len(judge([], {"q": {A: 1}}, capacity=3).trouble) == 1


def test_a_provider_above_its_capacity_is_overcommitted() -> None:
    memory = Memory(holds={"x": {A: 2}, "y": {A: 2, B: 1}})
    assert judge([memory], {"x": {A: 2}, "y": {A: 2, B: 1}}, capacity=3).overcommitted == [A]
