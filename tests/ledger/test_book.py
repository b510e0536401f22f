"""The Book: what was read, what was never asked for, and what came out."""

from __future__ import annotations

import pytest

from ullage.ledger.book import Book, Change, Draft, LabelRow, NotRead, Table
from ullage.ledger.needs import Needs

STANDARD, CUSTOM = LabelRow(standard=True), LabelRow(standard=False)


def test_absent_is_not_the_same_as_never_asked_for() -> None:
    table: Table[str, LabelRow] = Table("trait")
    table.fill("A", None)
    assert table.get("A") is None
    with pytest.raises(NotRead, match="trait 'B' was not read"):
        table.get("B")


def test_changes_are_what_differs_from_what_was_read_in_order_of_key() -> None:
    table: Table[str, LabelRow] = Table("trait")
    for key, row in (("D", STANDARD), ("C", CUSTOM), ("B", None), ("A", STANDARD)):
        table.fill(key, row)
    table.update({"D": CUSTOM, "C": None, "B": CUSTOM, "A": CUSTOM})
    table.update({"A": STANDARD})
    assert table.changes() == [Change("B", None, CUSTOM), Change("C", CUSTOM, None), Change("D", STANDARD, CUSTOM)]


def test_a_row_that_was_written_without_having_been_read_is_new() -> None:
    table: Table[str, LabelRow] = Table("trait")
    table.update({"A": CUSTOM})
    assert table.changes() == [Change("A", None, CUSTOM)]
    table.update({"A": None})
    assert table.changes() == []


def test_a_draft_shows_nothing_until_it_is_accepted() -> None:
    book = Book()
    book.traits.fill("A", CUSTOM)
    book.traits.fill("B", None)
    draft = Draft(book)
    draft.traits.drop("A")
    draft.traits.put("B", CUSTOM)
    draft.stamped.add("x")
    draft.renamed_classes["C"] = "D"
    assert (draft.traits.get("A"), draft.traits.get("B")) == (None, CUSTOM)
    assert list(draft.traits.rows()) == [CUSTOM]
    assert (book.traits.get("A"), book.traits.get("B"), book.stamped, book.renamed_classes) == (CUSTOM, None, set(), {})
    draft.accept()
    assert (book.traits.get("A"), book.traits.get("B")) == (None, CUSTOM)
    assert (book.stamped, book.renamed_classes) == ({"x"}, {"C": "D"})


def test_needs_add_up() -> None:
    total = Needs(providers={"a"}, traits={"T"})
    total.add(Needs(providers={"b"}, consumers={"c"}))
    assert total == Needs(providers={"a", "b"}, traits={"T"}, consumers={"c"})
    total.add(Needs(alone=True))
    assert total.alone
    total.add(Needs())
    assert total.alone
