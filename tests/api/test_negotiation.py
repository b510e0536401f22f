"""What headers ask for."""

from __future__ import annotations

import pytest

from ullage.api import negotiation
from ullage.api.http import Request
from ullage.api.negotiation import ErrorForm


def request(**headers: str) -> Request:
    return Request("GET", b"/", b"", {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("placement 1.7", "1.7"),
        ("placement latest", "1.39"),
        ("PLACEMENT 1.7", "1.7"),
        ("placement   1.7  ", "1.7"),
        ("placement 01.07", "1.7"),
        ("placement +1.7", "1.7"),
        ("compute 2.1, placement 1.5", "1.5"),
        ("placement 1.5,compute 2.1", "1.5"),
        ("placement 1.7, placement 1.5", "1.5"),
        ("compute 2.1", "1.0"),
        ("placement", "1.0"),
        ("", "1.0"),
    ],
)
def test_the_version_is_what_the_last_mention_of_placement_says(header: str, version: str) -> None:
    assert str(negotiation.version(request(openstack_api_version=header))) == version


def test_without_a_header_the_version_is_the_first() -> None:
    assert str(negotiation.version(request())) == "1.0"


@pytest.mark.parametrize(
    "text", ["pony.horse", "1.2.3", "1", "LATEST", "1.", ".1", "1. 7", "1.7 x", "1_0.7", "1." + "9" * 5000]
)
def test_a_version_that_is_none_is_unreadable(text: str) -> None:
    with pytest.raises(negotiation.VersionUnreadable, match="invalid version string: ") as caught:
        negotiation.version(request(openstack_api_version=f"placement {text}"))
    assert len(str(caught.value)) < 300


def test_a_version_header_that_is_no_text_is_unreadable() -> None:
    with pytest.raises(negotiation.VersionUnreadable):
        negotiation.version(request(openstack_api_version="\N{REPLACEMENT CHARACTER}"))


@pytest.mark.parametrize("text", ["0.5", "1.40", "2.0", "0.0", "1.-7", "1." + "9" * 30])
def test_a_version_out_of_range_is_not_served(text: str) -> None:
    with pytest.raises(negotiation.VersionNotServed, match="Unacceptable version header: "):
        negotiation.version(request(openstack_api_version=f"placement {text}"))


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "is_accepted"),
    [
        ("", True),
        ("*/*", True),
        ("application/json", True),
        ("Application/JSON", True),
        ("application/*", True),
        ("text/plain, application/json", True),
        (BROWSER, True),
        ("garbage", True),
        (",,;;", True),
        ("text/plain; q=2", True),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9", False),
        ("application/json;q=0", False),
        ("application/json;q=0, */*", False),
        ("application/*;q=0, */*", False),
        ("application/json;v=1", False),
    ],
)
def test_json_is_given_if_the_most_specific_range_admits_it(accept: str, is_accepted: bool) -> None:
    assert negotiation.accepts_json(request(accept=accept)) is is_accepted


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", ErrorForm.JSON),
        ("*/*", ErrorForm.JSON),
        ("application/json", ErrorForm.JSON),
        ("application/json;q=0.5, text/html;q=0.4", ErrorForm.JSON),
        ("text/html", ErrorForm.HTML),
        (BROWSER, ErrorForm.HTML),
        ("text/html, application/json", ErrorForm.HTML),
        ("garbage", ErrorForm.HTML),
        ("text/plain", ErrorForm.TEXT),
        ("application/json;q=0", ErrorForm.TEXT),
    ],
)
def test_an_error_comes_in_the_form_that_is_preferred(accept: str, form: ErrorForm) -> None:
    assert negotiation.error_form(request(accept=accept)) is form


@pytest.mark.parametrize(
    ("header", "media_type"),
    [("application/json", "application/json"), ("application/json; charset=x", "application/json"), (";;", None)],
)
def test_the_type_of_a_body_is_told_without_its_parameters(header: str, media_type: str | None) -> None:
    assert negotiation.body_media_type(request(content_type=header)) == media_type
