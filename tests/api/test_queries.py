"""Query strings by version: which keys are taken, what values mean, and the words of every refusal."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ullage.api import queries
from ullage.api.queries import GROUPS_MAX, SUBTREES_MAX, TERMS_MAX, TraitQuestion, UsageQuestion
from ullage.api.query_shapes import Query
from ullage.api.versions import Microversion
from ullage.model.allocation import NOT_SAID
from ullage.model.errors import BadInput, BadQuestion, MissingQuestion, RepeatedQuestion
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, ProviderFilter, RequestGroup

A = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
B = "7d2590ae-fb85-4080-9306-058b4c915e3f"
VCPU = {"VCPU": 1}


def version(minor: int) -> Microversion:
    return Microversion(1, minor)


def query(text: str) -> Query:
    values: dict[str, list[str]] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        values.setdefault(key, []).append(value)
    return values


def candidates(minor: int, text: str) -> CandidateRequest:
    return queries.candidates(query(text), version(minor))


def providers(minor: int, text: str) -> ProviderFilter:
    return queries.providers(query(text), version(minor))


def group(minor: int, text: str, suffix: str = "") -> RequestGroup:
    return {group.suffix: group for group in candidates(minor, text).groups}[suffix]


def all_of(*names: str, forbidden: tuple[str, ...] = ()) -> LabelFilter:
    return LabelFilter(tuple(frozenset([name]) for name in names), frozenset(forbidden))


# Providers


@pytest.mark.parametrize(
    ("minor", "text", "wanted"),
    [
        (0, "", ProviderFilter()),
        (0, "name=", ProviderFilter()),
        (0, "name=a%20b", ProviderFilter(name="a b")),
        (0, "name=a&name=b", ProviderFilter(name="b")),
        (0, f"uuid={A.upper()}", ProviderFilter(uuid=A)),
        (0, f"uuid=fish&uuid={A}", ProviderFilter(uuid=A)),
        (3, f"member_of={A}", ProviderFilter(member_of=all_of(A))),
        (3, f"member_of=in:{A},{B}", ProviderFilter(member_of=LabelFilter((frozenset({A, B}),)))),
        (3, f"member_of={A.replace('-', '')}", ProviderFilter(member_of=all_of(A))),
        (24, f"member_of={A}&member_of={B}", ProviderFilter(member_of=all_of(A, B))),
        (32, f"member_of=!{A}&member_of=!in:{B}", ProviderFilter(member_of=all_of(forbidden=(A, B)))),
        (4, "resources=VCPU:2,DISK_GB:10", ProviderFilter(resources={"VCPU": 2, "DISK_GB": 10})),
        (4, "resources=VCPU:2 ,DISK_GB: 3", ProviderFilter(resources={"VCPU": 2, "DISK_GB": 3})),
        (4, "resources=VCPU:2,VCPU:3", ProviderFilter(resources={"VCPU": 3})),
        (4, "resources=VCPU:2&resources=DISK_GB:1", ProviderFilter(resources={"DISK_GB": 1})),
        (14, f"in_tree={A}", ProviderFilter(in_tree=A)),
        (18, "required=T1, T2", ProviderFilter(traits=all_of("T1", "T2"))),
        (18, "required=T1&required=T2", ProviderFilter(traits=all_of("T2"))),
        (22, "required=T1,!T2,!!!T3", ProviderFilter(traits=all_of("T1", forbidden=("T2", "T3")))),
        (39, "required=T1&required=T2&required=T1", ProviderFilter(traits=all_of("T1", "T2"))),
        (39, "required=in:T1,T2&required=!T3",
         ProviderFilter(traits=LabelFilter((frozenset({"T1", "T2"}),), frozenset({"T3"})))),
    ],
)  # fmt: skip
def test_asking_for_providers(minor: int, text: str, wanted: ProviderFilter) -> None:
    assert providers(minor, text) == wanted


@pytest.mark.parametrize(
    ("minor", "text", "words"),
    [
        (0, "cow=1", "Additional properties are not allowed ('cow' was unexpected)"),
        (0, "uuid=", "'' is not a 'uuid'"),
        (0, f"uuid={A.replace('-', '')}", "is not a 'uuid'"),
        (0, f"uuid={A}&uuid=fish", "'fish' is not a 'uuid'"),
        (0, "name=%00", "'name' holds a NUL character"),
        (2, f"member_of={A}", "'member_of' was unexpected"),
        (3, "resources=VCPU:1", "'resources' was unexpected"),
        (13, f"in_tree={A}", "'in_tree' was unexpected"),
        (14, "in_tree=fish", "'fish' is not a 'uuid'"),
        (17, "required=T", "'required' was unexpected"),
        (39, "limit=1", "'limit' was unexpected"),
        (3, "member_of=", "Expected 'member_of' parameter to contain valid UUID(s). Got: "),
        (3, "member_of=fish", "Expected 'member_of' parameter to contain valid UUID(s). Got: fish"),
        (3, "member_of=in:", "Expected 'member_of' parameter to contain valid UUID(s)."),
        (3, f"member_of={A},{B}", "Multiple values for 'member_of' must be prefixed with the 'in:'"),
        (32, f"member_of=!{A},{B}", "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:'"),
        (23, f"member_of={A}&member_of={B}", "Multiple member_of parameters are not supported"),
        (31, f"member_of=!{A}", "Forbidden member_of parameters are not supported in the specified microversion"),
        (32, f"member_of=!!{A}", "valid UUID(s)"),
        (4, "resources=", "Got: empty string."),
        (4, "resources=fred", "Badly formed resources parameter. Expected resources query string parameter in form"),
        (4, "resources=fred", "Got: fred."),
        (4, "resources=VCPU:1:2", "Got: VCPU:1:2."),
        (4, "resources=VCPU:1,", "Got: ."),
        (4, "resources=VCPU:", "Requested resource VCPU expected positive integer amount. Got: ."),
        (4, "resources=VCPU:1.0", "expected positive integer amount. Got: 1.0."),
        (4, "resources=VCPU:1_0", "expected positive integer amount. Got: 1_0."),
        (4, "resources=VCPU:%2B1", "expected positive integer amount. Got: +1."),
        (4, "resources=VCPU:%EF%BC%91", "expected positive integer amount."),
        (4, "resources=VCPU:9223372036854775808", "expected positive integer amount."),
        (4, "resources=VCPU:" + "9" * 5000, "expected positive integer amount."),
        (4, "resources=VCPU:0", "Requested resource VCPU requires amount >= 1. Got: 0."),
        (4, "resources=VCPU:-2", "Requested resource VCPU requires amount >= 1. Got: -2."),
        (18, "required=", "of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: "),
        (21, "required=!T", "parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: !T"),
        (22, "required=T,,U", "of the form: HW_CPU_X86_VMX,!CUSTOM_MAGIC. Got an empty trait in: T,,U"),
        (22, "required=!", "of the form: HW_CPU_X86_VMX,!CUSTOM_MAGIC. Got an empty trait in: !"),
        (38, "required=in:T", "'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39."),
        (39, "required=in:T,", "Got an empty trait in: in:T,"),
        (39, "required=in:T,!U", "does not support forbidden traits. Got: in:T,!U"),
    ],
)  # fmt: skip
def test_a_bad_question_for_providers_is_refused_in_known_words(minor: int, text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        providers(minor, text)
    assert words in caught.value.message


# Candidates


def test_a_question_for_candidates_by_default() -> None:
    assert candidates(39, "resources=VCPU:1") == CandidateRequest((RequestGroup("", VCPU),))


@pytest.mark.parametrize(("minor", "nested"), [(28, False), (29, True)])
def test_versions_change_what_a_candidate_is(minor: int, nested: bool) -> None:
    asked = candidates(minor, "resources=VCPU:1")
    assert (asked.nested, asked.permutations) == (nested, True)


@pytest.mark.parametrize(
    ("minor", "text", "limit"),
    [(16, "limit=7", 7), (16, "limit=10&limit=1", 10), (39, "limit=" + "9" * 999, int("9" * 18)), (16, "", None)],
)
def test_the_first_limit_counts(minor: int, text: str, limit: int | None) -> None:
    assert candidates(minor, f"resources=VCPU:1&{text}").limit == limit


def test_the_first_group_policy_counts() -> None:
    text = "resources1=VCPU:1&resources2=VCPU:1&group_policy=isolate&group_policy=none"
    assert candidates(25, text).group_policy is GroupPolicy.ISOLATE


def test_one_suffixed_group_needs_no_policy() -> None:
    assert candidates(25, "resources=VCPU:1&resources1=VCPU:1").group_policy is None


def test_groups_gather_by_suffix_in_order_of_appearance() -> None:
    text = (
        f"required_B=T1&resources=VCPU:1&resources_B=VCPU:2&member_of_B={A}&in_tree_B={B}"
        f"&resourcesA-1=DISK_GB:5&group_policy=none&in_tree= {A.upper()} "
    )
    assert candidates(39, text).groups == (
        RequestGroup("_B", {"VCPU": 2}, all_of("T1"), all_of(A), B),
        RequestGroup("", VCPU, in_tree=A),
        RequestGroup("A-1", {"DISK_GB": 5}),
    )


@pytest.mark.parametrize(
    ("minor", "text", "wanted"),
    [
        (17, "resources=VCPU:1&required=T1&required=T2", RequestGroup("", VCPU, all_of("T2"))),
        (39, "resources=VCPU:1&required=T1&required=T2", RequestGroup("", VCPU, all_of("T1", "T2"))),
        (22, "resources=VCPU:1&required=!T1", RequestGroup("", VCPU, all_of(forbidden=("T1",)))),
        (21, f"resources=VCPU:1&member_of={A}", RequestGroup("", VCPU, member_of=all_of(A))),
        (24, f"resources=VCPU:1&member_of={A}&member_of=in:{B}", RequestGroup("", VCPU, member_of=all_of(A, B))),
        (10, "resources=VCPU:1&resources=DISK_GB:1", RequestGroup("", {"DISK_GB": 1})),
        (31, f"resources=VCPU:1&in_tree={A}&in_tree={B}", RequestGroup("", VCPU, in_tree=B)),
    ],
)
def test_what_a_repeated_key_means(minor: int, text: str, wanted: RequestGroup) -> None:
    assert group(minor, text) == wanted


def test_roots_and_subtrees_are_constrained() -> None:
    text = "resources_A=VCPU:1&required_B=T&same_subtree=_A,_B&same_subtree=_B,_A&group_policy=none&root_required=R,!S"
    asked = candidates(36, text)
    assert asked.root_traits == all_of("R", forbidden=("S",))
    assert asked.same_subtrees == (frozenset({"_A", "_B"}),)
    assert [group.suffix for group in asked.groups if not group.resources] == ["_B"]


@pytest.mark.parametrize(
    ("minor", "text", "words"),
    [
        (10, "", "'resources' is a required property"),
        (10, "resources=VCPU:1&limit=1", "'limit' was unexpected"),
        (16, "resources=VCPU:1&limit=0", "Failed validating 'pattern'"),
        (16, "resources=VCPU:1&limit=cow", "Failed validating 'pattern'"),
        (16, "resources=VCPU:1&limit=x&limit=1", "'x' does not match"),
        (16, "resources=VCPU:1&limit=1&limit=x", "'x' does not match"),
        (16, "resources=VCPU:1&limit=1%0A", "bad key or value: 'limit'"),
        (16, "resources=VCPU:1&required=T", "'required' was unexpected"),
        (20, f"resources=VCPU:1&member_of={A}", "'member_of' was unexpected"),
        (24, "resources=VCPU:1&resources1=VCPU:1", "'resources1' was unexpected"),
        (24, "resources=VCPU:1&group_policy=none", "'group_policy' was unexpected"),
        (25, "resources01=VCPU:1", "'resources01' does not match any of the regexes"),
        (30, f"resources=VCPU:1&in_tree={A}", "'in_tree' does not match any of the regexes"),
        (32, "resources_A=VCPU:1", "'resources_A' does not match any of the regexes"),
        (33, "resources1@=VCPU:1", "'resources1@' does not match any of the regexes"),
        (33, f"resources{'_' * 65}=VCPU:1", "does not match any of the regexes"),
        (33, "resources1@=VCPU:1", "^member_of([a-zA-Z0-9_-]{1,64})?$"),
        (33, "resources1%0A=VCPU:1", "bad key or value: 'resources1\\n'"),
        (34, "resources=VCPU:1&root_required=T", "'root_required' does not match any of the regexes"),
        (35, "resources=VCPU:1&same_subtree=A", "'same_subtree' does not match any of the regexes"),
        (25, "resources=VCPU:1&group_policy=bogus", "'bogus' is not one of ['none', 'isolate']"),
        (25, "resources=VCPU:1&group_policy=none&group_policy=bogus", "'bogus' is not one of ['none', 'isolate']"),
        (25, "resources1=VCPU:1&resources2=VCPU:1", 'The "group_policy" parameter is required when specifying more'),
        (36, "resourcesA=VCPU:1&requiredB=T&same_subtree=A,B", 'The "group_policy" parameter is required'),
        (25, "required=T&required1=T&resources2=VCPU:1", "orphaned traits keys: required, required1"),
        (25, f"member_of={A}&member_of3={A}&resources2=VCPU:1", "orphaned member_of keys: member_of, member_of3"),
        (31, f"resources=VCPU:1&in_tree1={A}", "All request groups must specify resources."),
        (25, "resources=VCPU:1&required1=!T", "All request groups must specify resources."),
        (25, "", "At least one request group (`resources` or `resources{$S}`) is required."),
        (21, f"resources=VCPU:1&member_of={A}&member_of={A}", "Multiple member_of parameters are not supported"),
        (25, f"resources1=VCPU:1&member_of1=!{A}", "Forbidden member_of1 parameters are not supported"),
        (31, "resources=VCPU:1&in_tree=fish", "Expected 'in_tree' parameter to be a format of uuid. Got: fish"),
        (22, "resources=VCPU:1&required=T,!T", "found in the following traits keys: required: (T)"),
        (39, "resources1=VCPU:1&required1=in:T,U&required1=!T,!U", "traits keys: required1: (T, U)"),
        (35, "resources=VCPU:1&root_required=", "Got an empty trait in: "),
        (39, "resources=VCPU:1&root_required=in:T", "'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported"),
    ],
)  # fmt: skip
def test_a_bad_question_for_candidates_is_refused_in_known_words(minor: int, text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        candidates(minor, text)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("minor", "text", "kind", "words"),
    [
        (35, "resources=VCPU:1&root_required=A&root_required=B", RepeatedQuestion, "may be specified only once."),
        (35, "resources=VCPU:1&root_required=A,!A", BadQuestion, "traits found in root_required: A"),
        (36, "same_subtree=A,,B&resourcesA=VCPU:1", BadQuestion, "Empty string (unsuffixed group) can not be"),
        (36, "", MissingQuestion, "There must be at least one resources or resources[$S] parameter."),
        (36, "required1=T", MissingQuestion, "There must be at least one resources or resources[$S] parameter."),
        (36, "resources1=VCPU:1&required2=T", BadQuestion, "should be specified in `same_subtree` query param"),
        (36, f"resources1=VCPU:1&in_tree={A}", BadQuestion, "should be specified in `same_subtree` query param"),
        (
            36,
            "&".join(f"same_subtree=A,{number}" for number in range(SUBTREES_MAX + 1)),
            BadQuestion,
            "more than 64 different `same_subtree`",
        ),
        (36, "resources1=VCPU:1&same_subtree=2", BadQuestion, "Real suffixes should be specified in `same_subtree`"),
    ],
)
def test_faults_of_a_whole_question_have_kinds_of_their_own(
    minor: int, text: str, kind: type[BadInput], words: str
) -> None:
    with pytest.raises(kind) as caught:
        candidates(minor, text)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # of two faults the first in this order is told: keys, root, subtree, groups in order, ties, conflicts, policy
        ("cow=1&root_required=&resources=VCPU:x", "'cow' does not match any of the regexes"),
        ("resources=VCPU:x&root_required=", "Got an empty trait"),
        ("resources=VCPU:x&same_subtree=,", "Empty string (unsuffixed group)"),
        ("in_tree=fish&resources=VCPU:x", "parameter to be a format of uuid"),
        ("resources=VCPU:x&same_subtree=A", "expected positive integer"),
        ("resources=VCPU:1&required=T,!T&same_subtree=A", "Real suffixes"),
        ("resources1=VCPU:1&resources2=VCPU:1&required1=T,!T", "Conflicting required and forbidden"),
    ],
)
def test_faults_are_told_in_one_order(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        candidates(39, text)
    assert words in caught.value.message


def test_a_question_has_a_size() -> None:
    within = "&".join(f"resources{number}=VCPU:1" for number in range(1, GROUPS_MAX + 1))
    assert len(candidates(39, f"{within}&group_policy=none").groups) == GROUPS_MAX
    with pytest.raises(BadInput, match="more than 256 request groups"):
        candidates(39, f"{within}&resources=VCPU:1&group_policy=none")
    with pytest.raises(BadInput, match="more than 4096 names"):
        candidates(39, "resources=VCPU:1&required=in:" + ",".join(f"T{number}" for number in range(TERMS_MAX)))
    with pytest.raises(BadInput, match="more than 4096 names"):
        providers(39, "required=" + ",".join(f"!T{number}" for number in range(TERMS_MAX + 1)))


# Traits and usages


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", TraitQuestion()),
        ("name=in:A,B", TraitQuestion(names=frozenset({"A", "B"}))),
        ("name=startswith:CUSTOM:", TraitQuestion(prefix="CUSTOM:")),
        ("name=in:A&name=startswith:B", TraitQuestion(prefix="B")),
        ("associated=TRUE", TraitQuestion(associated=True)),
        ("name=in:A&associated=false", TraitQuestion(names=frozenset({"A"}), associated=False)),
    ],
)
def test_asking_for_traits(text: str, wanted: TraitQuestion) -> None:
    assert queries.traits(query(text), version(6)) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name=in_abc", 'form: ?name=[in|startswith]:[name1,name2|prefix]. Got: "in_abc"'),
        ("name=like:A", "Badly formatted name parameter."),
        ("associated=xyz", 'The query parameter "associated" only accepts "true" or "false"'),
        ("invalid=abc", "Invalid query string parameters: Additional properties are not allowed"),
    ],
)
def test_a_bad_question_for_traits_is_refused_in_known_words(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        queries.traits(query(text), version(39))
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("minor", "text", "wanted"),
    [
        (9, "project_id=p", UsageQuestion("p", None, NOT_SAID, together=True)),
        (9, "project_id=p&user_id=u", UsageQuestion("p", "u", NOT_SAID, together=True)),
        (38, "project_id=p", UsageQuestion("p")),
        (38, "project_id=p&consumer_type=all", UsageQuestion("p", together=True)),
        (38, "project_id=p&consumer_type=unknown", UsageQuestion("p", None, None)),
        (38, "project_id=p&consumer_type=INSTANCE", UsageQuestion("p", None, "INSTANCE")),
        (38, "project_id=p&project_id=q", UsageQuestion("q")),
    ],
)
def test_asking_for_usages(minor: int, text: str, wanted: UsageQuestion) -> None:
    assert queries.usages(query(text), version(minor)) == wanted


@pytest.mark.parametrize(
    ("minor", "text", "words"),
    [
        (9, "", "'project_id' is a required property"),
        (9, "project_id=", "'' should be non-empty"),
        (9, f"project_id={'p' * 256}", "Failed validating 'maxLength'"),
        (37, "project_id=p&consumer_type=INSTANCE", "'consumer_type' was unexpected"),
        (38, "project_id=p&consumer_type=instance", "'instance' does not match"),
        (38, "project_id=p&consumer_type=allfoo", "'allfoo' does not match"),
        (38, f"project_id=p&consumer_type={'A' * 256}", "Failed validating 'maxLength'"),
        (38, "project_id=p&consumer_type=", "Invalid query string parameters"),
    ],
)
def test_a_bad_question_for_usages_is_refused_in_known_words(minor: int, text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        queries.usages(query(text), version(minor))
    assert words in caught.value.message


KEYS = st.sampled_from(
    ["name", "uuid", "limit", "group_policy", "root_required", "same_subtree", "project_id", "consumer_type"]
    + [kind + suffix for kind in ("resources", "required", "member_of", "in_tree") for suffix in ("", "1", "_A")]
) | st.text(max_size=4)  # fmt: skip
VALUES = st.text(max_size=8) | st.sampled_from(
    ["VCPU:1", A, f"in:{A},{B}", f"!in:{A}", "T1,!T2", "in:T1", "1", "none", "all", "_A", "1,_A"]
)
QUESTIONS = (queries.providers, queries.candidates, queries.traits, queries.usages)
FIRST = (0, 10, 6, 9)


@given(
    values=st.dictionaries(KEYS, st.lists(VALUES, min_size=1, max_size=2), max_size=5),
    minor=st.integers(0, 39),
    which=st.integers(0, 3),
)
def test_any_query_is_taken_or_refused(values: Query, minor: int, which: int) -> None:
    if minor >= FIRST[which]:
        with suppress(BadInput):
            QUESTIONS[which](values, version(minor))
