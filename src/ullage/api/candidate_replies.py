"""The reply of GET /allocation_candidates, which may have many thousand rows.

No row is encoded by itself. What rows of one form have in common is encoded once, with marks where they differ, and
each row fills in the marks, which costs a fraction. Rows differ in uuids, as storage keeps them, and in whole numbers;
neither needs an escape in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType

from ullage.api.http import Call, Response
from ullage.api.replies import encoded, in_chunks
from ullage.api.versions import Feature, Since
from ullage.model.candidate import Candidate, CandidateForm, Findings, ProviderSummary, SummaryForm
from ullage.model.request import CandidateRequest

TRUNCATED_HEADER = ("ullage-truncated", "true")
"""The answer is not all there is: a ceiling cut the search short."""
TEMPLATES_MAX = 512
"""How many templates are remembered during one reply."""
TEXT_SIZE = 64 * 1024
"""About how many characters of rows are made at a time, so that a reply's memory has a bound however wide rows are."""


class Resources(Struct, gc=False):
    """Amounts by class."""

    resources: Any


class CandidateBody(Struct, gc=False):
    """A candidate on the wire; but for the mappings it is the body of a claim."""

    allocations: Any
    mappings: Any = UNSET


class SummaryBody(Struct, gc=False):
    """A provider summary on the wire."""

    resources: Any
    traits: Any = UNSET
    parent_provider_uuid: str | UnsetType | None = UNSET
    root_provider_uuid: str | UnsetType = UNSET


def _listed(candidate: Candidate) -> CandidateBody:
    return CandidateBody(
        [{"resource_provider": {"uuid": uuid}, "resources": amounts} for uuid, amounts in candidate.allocations.items()]
    )


def _keyed(candidate: Candidate) -> CandidateBody:
    return CandidateBody({uuid: Resources(amounts) for uuid, amounts in candidate.allocations.items()})


def _mapped(candidate: Candidate) -> CandidateBody:
    allocations = {uuid: Resources(amounts) for uuid, amounts in candidate.allocations.items()}
    return CandidateBody(allocations, candidate.mappings)


_CANDIDATE: Since[Callable[[Candidate], CandidateBody]] = Since(
    _listed, {Feature.KEYED_ALLOCATIONS: _keyed, Feature.MAPPINGS: _mapped}
)

Summariser = Callable[[ProviderSummary, frozenset[str]], SummaryBody]


def _standard_first(traits: tuple[str, ...]) -> tuple[str, ...]:
    """The order in which clients know the traits of a summary."""
    return tuple(sorted(traits, key=lambda name: (name.startswith("CUSTOM_"), name)))


def _requested(summary: ProviderSummary, classes: frozenset[str]) -> dict[str, object]:
    return {name: resource for name, resource in summary.resources.items() if name in classes}


def _bare(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(_requested(summary, classes))


def _with_traits(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(_requested(summary, classes), _standard_first(summary.traits))


def _whole(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(summary.resources, _standard_first(summary.traits))


def _in_its_tree(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(summary.resources, _standard_first(summary.traits), summary.parent_uuid, summary.root_uuid)


_SUMMARY: Since[Summariser] = Since(
    _bare,
    {
        Feature.CANDIDATES_REQUIRED: _with_traits,
        Feature.ALL_CLASSES_IN_SUMMARIES: _whole,
        Feature.NESTED_CANDIDATES: _in_its_tree,
    },
)


# Rows

_MARK = re.compile(r'"@(\d+)@"')
"""The place of a row's element; no name on the wire has an "@"."""

Form = TypeVar("Form")
Rows = Sequence[Sequence[Any]]


class _Template:
    """The text of rows of one form."""

    def __init__(self, sample: str, numbers_from: int) -> None:
        """`sample` has marks wherever rows differ: up to some place for uuids, from there on for numbers."""
        places = [int(match[1]) for match in _MARK.finditer(sample)]
        self._text = _MARK.sub(lambda mark: "%s" if int(mark[1]) >= numbers_from else '"%s"', sample.replace("%", "%%"))
        self._in_place: Callable[[Sequence[Any]], Any] = itemgetter(*places)
        self.size = len(sample)

    def text(self, rows: Rows) -> str:
        """Some rows with commas between them."""
        return ",".join(map(self._text.__mod__, map(self._in_place, rows)))


class _Templates(dict[Any, _Template]):
    """Templates by form, made once, while there are not too many."""

    def __init__(self, make: Callable[[Any], _Template]) -> None:
        self._make = make

    def __missing__(self, form: Any) -> _Template:
        if len(self) == TEMPLATES_MAX:
            self.clear()
        template = self[form] = self._make(form)
        return template


def _texts(
    runs: Iterable[tuple[Form, Rows]], make: Callable[[Form], _Template], make_way: Callable[[], None]
) -> Iterator[str]:
    """Rows with commas between them, some at a time; others may come between."""
    templates = _Templates(make)
    comma = ""
    for form, rows in runs:
        template = templates[form]
        step = max(1, TEXT_SIZE // template.size)
        for start in range(0, len(rows), step):
            make_way()
            yield comma + template.text(rows[start : start + step])
            comma = ","


def _marks(count: int) -> list[str]:
    return [f"@{place}@" for place in range(count)]


def _candidate_template(form: CandidateForm, shape: Callable[[Candidate], CandidateBody]) -> _Template:
    allocations = tuple((place, tuple(amounts.items())) for place, amounts in form.allocations.items())
    return _kept_candidate_template(allocations, tuple(form.mappings.items()), form.width, shape)


@lru_cache(TEMPLATES_MAX)
def _kept_candidate_template(
    allocations: tuple[tuple[int, tuple[tuple[str, int], ...]], ...],
    mappings: tuple[tuple[str, tuple[int, ...]], ...],
    width: int,
    shape: Callable[[Candidate], CandidateBody],
) -> _Template:
    """Kept between replies too: the same flavor is asked for again and again."""
    form = CandidateForm({place: dict(amounts) for place, amounts in allocations}, dict(mappings), width)
    return _Template(encoded(shape(form.filled(_marks(width)))).decode(), numbers_from=width)


@lru_cache(TEMPLATES_MAX)
def _kept_summary_template(
    classes: tuple[str, ...], traits: tuple[str, ...], is_root: bool, summarise: Summariser, asked: frozenset[str]
) -> _Template:
    form = SummaryForm(classes, traits, is_root)
    summary = form.filled(_marks(form.width))
    member = encoded({summary.uuid: summarise(summary, asked)})[1:-1]
    return _Template(member.decode(), numbers_from=form.numbers_from)


def candidates(
    call: Call, request: CandidateRequest, findings: Findings, make_way: Callable[[], None] = lambda: None
) -> Response:
    """Candidates with the summaries of their providers. Its time is now: it tells what could be had at this moment.

    `make_way`: called again and again while it is written, so that others may come between.
    What is found is found before this is called, so nothing but a mistake of ours can go wrong while it is written.
    """
    shape, summarise = _CANDIDATE.at(call.version), _SUMMARY.at(call.version)
    if shape is None or summarise is None:
        raise LookupError(f"no candidates at {call.version}")  # both tables begin at the beginning
    asked = frozenset(name for group in request.groups for name in group.resources)
    texts = chain(
        ('{"allocation_requests":[',),
        _texts(findings.candidates(), lambda form: _candidate_template(form, shape), make_way),
        ('],"provider_summaries":{',),
        _texts(
            findings.summaries(),
            lambda form: _kept_summary_template(form.classes, form.traits, form.is_root, summarise, asked),
            make_way,
        ),
        ("}}",),
    )
    response = in_chunks(call, texts)
    if findings.truncated:
        response.headers.append(TRUNCATED_HEADER)
    return response
