"""The mapping under the snapshot's look-ups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ullage.engine.persistent import SHARDS, ShardedMap

KEYS = st.integers(0, 3 * SHARDS)


@given(st.lists(st.tuples(st.dictionaries(KEYS, st.integers()), st.sets(KEYS)), max_size=6))
def test_it_holds_what_a_dictionary_would_hold_and_never_changes(
    changes: list[tuple[dict[int, int], set[int]]],
) -> None:
    mapping: ShardedMap[int, int] = ShardedMap()
    plain: dict[int, int] = {}
    history = [(mapping, dict(plain))]
    for added, removed in changes:
        mapping = mapping.changed(added, removed)
        plain = {key: value for key, value in plain.items() if key not in removed} | added
        history.append((mapping, dict(plain)))
    for old, expected in history:
        assert dict(old.items()) == expected
        assert len(old) == len(expected)
        assert all(old.get(key) == value and key in old for key, value in expected.items())


def test_a_key_that_is_not_there_has_no_value() -> None:
    mapping = ShardedMap[str, int]().changed({"a": 1})
    assert mapping.get("b") is None
    assert "b" not in mapping


def test_a_change_of_one_key_copies_one_shard() -> None:
    before = ShardedMap[int, int]().changed(dict.fromkeys(range(10 * SHARDS), 0))
    after = before.changed({5: 1}, [SHARDS + 5])
    copied = [place for place in range(SHARDS) if before._shards[place] is not after._shards[place]]
    assert copied == [5]
