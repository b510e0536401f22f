"""How much is used of inventories is changed at once, and gives what a patch of whole rows gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import contents

from ullage.engine.block import BLOCK_SIZE
from ullage.engine.patch import Delta, patch
from ullage.engine.search import search
from ullage.engine.snapshot import Snapshot
from ullage.engine.uses import Uses, with_uses
from ullage.model.request import CandidateRequest, RequestGroup

KEYS = (1, 2, 3, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 3 * BLOCK_SIZE + 7)
CLASSES = (1, 4)
ROWS = dict.fromkeys(KEYS, (0, 1))
STOCK = {(key, class_key): 0 for key in KEYS for class_key in CLASSES}


def fleet(rows: dict[int, tuple[int, int]], stock: dict[tuple[int, int], int]) -> Snapshot:
    """Providers with two inventories and a trait each: generations, times and uses by key."""
    delta = Delta(
        [(key, f"u{key}", f"n{key}", generation, None, key, time) for key, (generation, time) in rows.items()],
        [(key, class_key, 8, 0, 1, 8, 1, 1.0, used) for (key, class_key), used in stock.items()],
        [(key, 1) for key in rows],
        class_names={1: "VCPU", 4: "DISK_GB"},
        trait_names={1: "T"},
    )
    return patch(Snapshot.empty(), delta)


@given(
    st.dictionaries(st.sampled_from(KEYS), st.tuples(st.integers(0, 99), st.integers(0, 99))),
    st.dictionaries(st.sampled_from(tuple(STOCK)), st.integers(0, 8)),
)
def test_uses_give_what_whole_rows_give(rows: dict[int, tuple[int, int]], stock: dict[tuple[int, int], int]) -> None:
    before = fleet(ROWS, STOCK)
    question = CandidateRequest((RequestGroup("", {"VCPU": 5, "DISK_GB": 2}),))
    search(before, question)
    after = with_uses(before, Uses(rows, stock))
    assert after is not None
    expected = fleet(ROWS | rows, STOCK | stock)
    assert contents(after) == contents(expected)
    assert search(after, question) == search(expected, question)
    assert contents(before) == contents(fleet(ROWS, STOCK))


@pytest.mark.parametrize(
    "uses",
    [
        Uses({4: (1, 1)}),
        Uses({2 * BLOCK_SIZE: (1, 1)}),
        Uses({9 * BLOCK_SIZE: (1, 1)}),
        Uses(used={(1, 2): 1}),
        Uses(used={(1, 9): 1}),
        Uses(used={(9 * BLOCK_SIZE, 1): 1}),
    ],
)
def test_uses_of_what_a_snapshot_lacks_give_none(uses: Uses) -> None:
    assert with_uses(fleet(ROWS, STOCK), uses) is None
    assert with_uses(Snapshot.empty(), uses) is None


def test_uses_copy_what_they_change_of_the_blocks_they_touch() -> None:
    before = fleet(ROWS, STOCK)
    after = with_uses(before, Uses({BLOCK_SIZE: (1, 1)}, {(BLOCK_SIZE, 1): 3}))
    assert after is not None
    assert [one is other for one, other in zip(before.blocks, after.blocks, strict=True)] == [True, False, True]
    old, new = before.blocks[1], after.blocks[1]
    copied = {name for name, value in vars(new).items() if value is not vars(old).get(name)}
    assert copied == {"generations", "updated_us", "stock"}
    assert {name for name, value in vars(new.stock).items() if value is not vars(old.stock).get(name)} == {"used"}
