"""Which names are legal."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ullage.model.names import CONSUMER_TYPE, GROUP_SUFFIX, NAME_LENGTH_MAX, is_custom_name, normalised_uuid


@pytest.mark.parametrize("name", ["CUSTOM_A", "CUSTOM_0", "CUSTOM__", "CUSTOM_" + "A" * (NAME_LENGTH_MAX - 7)])
def test_these_may_be_made(name: str) -> None:
    assert is_custom_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "CUSTOM_",
        "VCPU",
        "custom_a",
        "CUSTOM_a",
        "CUSTOM_A\n",
        "CUSTOM_A B",
        "CUSTOM_É",
        "XCUSTOM_A",
        "CUSTOM_" + "A" * 249,
    ],
)
def test_these_may_not(name: str) -> None:
    assert not is_custom_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "0F0E0D0C-0B0A-4908-8706-050403020100",
        "0f0e0d0c0b0a49088706050403020100",
        "0f0e0d0c-0b0a-4908-8706-050403020100",
    ],
)
def test_a_uuid_is_known_in_any_of_its_forms(text: str) -> None:
    assert normalised_uuid(text) == "0f0e0d0c-0b0a-4908-8706-050403020100"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-" * 36,
        "0f0e0d0c-0b0a-4908-8706-05040302010",
        "0f0e0d0c-0b0a-4908-8706-0504030201000",
        "0f0e0d0-c0b0a-4908-8706-050403020100",
        "0f0e0d0g-0b0a-4908-8706-050403020100",
        "{f0e0d0c0b0a4908870605040302010}",
        "0f0e0d0c-0b0a-4908-8706-05040302010\n",
        "\u0660f0e0d0c0b0a49088706050403020100",
    ],
)
def test_this_is_no_uuid(text: str) -> None:
    assert normalised_uuid(text) is None


@given(st.uuids())
def test_every_uuid_is_its_own_normal_form(uuid: UUID) -> None:
    assert normalised_uuid(str(uuid)) == normalised_uuid(uuid.hex) == normalised_uuid(str(uuid).upper()) == str(uuid)


def test_consumer_types_and_suffixes_are_matched_whole() -> None:
    assert CONSUMER_TYPE.fullmatch("INSTANCE_1")
    assert not CONSUMER_TYPE.fullmatch("instance")
    assert not CONSUMER_TYPE.fullmatch("INSTANCE\n")
    assert GROUP_SUFFIX.fullmatch("_net-1")
    assert not GROUP_SUFFIX.fullmatch("a" * 65)
    assert not GROUP_SUFFIX.fullmatch("1@")
