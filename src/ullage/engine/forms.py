"""Writing assignments down as candidates: what many have in common is made once, as a form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ullage.engine.block import Integers
from ullage.engine.groups import UNSUFFIXED, Slot
from ullage.engine.rules import Assignment
from ullage.engine.snapshot import Snapshot, Uuids
from ullage.model.candidate import CandidateForm, CandidateRun

ROWS_MAX = 1024
"""How many candidates are written at a time."""
FORMS_MAX = 1024
"""How many forms are remembered; where providers fill several slots each, forms may be as many as candidates."""

Places = tuple[int, ...]
"""For each slot which of a candidate's providers fills it: an index into its row."""


class CandidateWriter:
    """Writes the candidates for some slots. Keeps nothing of what the fleet said to them: an answer that is read slowly
    keeps its writer.
    """

    def __init__(self, snapshot: Snapshot, slots: Sequence[Slot]) -> None:
        self._snapshot = snapshot
        self._suffixes = [slot.suffix for slot in slots]
        self._uuids = Uuids(snapshot)
        demands = [demand for slot in slots for demand in slot.demands]
        self._classes = tuple(dict.fromkeys(demand.class_name for demand in demands))
        """In the order in which they were asked for; equal allocations are written alike, whoever they are for."""
        self._held = [self._summed([{demand.class_name: demand.amount} for demand in slot.demands]) for slot in slots]
        self._unsuffixed = [number for number, slot in enumerate(slots) if not slot.is_suffixed]
        self._forms: dict[tuple[Places, Places], CandidateForm] = {}
        self._apart = self._form(tuple(range(len(slots))), ())
        """Another provider for each slot. Not to be used if the order of the unsuffixed ones has to be found out."""

    def plain(self, keys: Integers) -> Iterator[CandidateRun]:
        """The candidates of trees of one, each of which fills every slot itself."""
        form = self._form((0,) * len(self._suffixes), (0,))
        for start in range(0, len(keys), ROWS_MAX):
            yield form, list(zip(self._snapshot.uuids(keys[start : start + ROWS_MAX]), strict=True))

    def assigned(self, assignments: Iterable[Assignment]) -> Iterator[CandidateRun]:
        """The candidates of some assignments."""
        form, rows = self._apart, list[Sequence[str]]()
        for assignment in assignments:
            next_form, providers = self._formed(assignment)
            if next_form is not form or len(rows) == ROWS_MAX:
                if rows:
                    yield form, rows
                form, rows = next_form, []
            rows.append(tuple(map(self._uuids.__getitem__, providers)))
        if rows:
            yield form, rows

    def _formed(self, assignment: Assignment) -> tuple[CandidateForm, Assignment]:
        """The form of an assignment, and its providers."""
        if len(self._unsuffixed) < 2 and len(set(assignment)) == len(assignment):
            return self._apart, assignment
        providers = tuple(dict.fromkeys(assignment))
        place_of = {provider: place for place, provider in enumerate(providers)}
        places = tuple(map(place_of.__getitem__, assignment))
        together = tuple(sorted({places[slot] for slot in self._unsuffixed}, key=providers.__getitem__))
        form = self._forms.get((places, together))
        if form is None:
            if len(self._forms) == FORMS_MAX:
                self._forms.clear()
            form = self._forms[places, together] = self._form(places, together)
        return form, providers

    def _form(self, places: Places, together: Places) -> CandidateForm:
        """`together`: the providers of the unsuffixed group, in the order of their keys; empty if there is but one."""
        held_by: dict[int, list[dict[str, int]]] = {}
        mappings: dict[str, Places] = {}
        for suffix, held, place in zip(self._suffixes, self._held, places, strict=True):
            if held:
                held_by.setdefault(place, []).append(held)
            mappings[suffix] = together if suffix == UNSUFFIXED and together else (place,)
        allocations = {place: self._summed(held) for place, held in held_by.items()}
        return CandidateForm(allocations, mappings, 1 + max(places, default=-1))

    def _summed(self, several: Sequence[Mapping[str, int]]) -> dict[str, int]:
        """Amounts by class, of all together."""
        sums: dict[str, int] = {}
        for held in several:
            for name, amount in held.items():
                sums[name] = sums.get(name, 0) + amount
        return {name: sums[name] for name in self._classes if name in sums}
