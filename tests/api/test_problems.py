"""Errors on the wire."""

from __future__ import annotations

import inspect
import json
from typing import Any, get_type_hints

import pytest

from api.stand import error
from ullage.api import problems
from ullage.api.http import Request
from ullage.api.problems import STATUSES, TABLE, Problem, Row
from ullage.api.versions import LATEST, MINIMUM
from ullage.model import errors
from ullage.model.inventory import Inventory, Misfit

KINDS = [
    errors.Missing,
    errors.Unknown,
    errors.Unacceptable,
    errors.Conflict,
    errors.InUse,
    errors.Exists,
    errors.DoesNotFit,
    errors.Denied,
    errors.Busy,
]
REFUSALS = sorted(
    (
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.Refusal) and each is not errors.Refusal and each not in KINDS
    ),
    key=lambda each: each.__name__,
)
EXPECTED = {
    errors.ProviderMissing: (404, "placement.undefined_code"),
    errors.InventoryMissing: (404, "placement.undefined_code"),
    errors.ResourceClassMissing: (404, "placement.undefined_code"),
    errors.TraitMissing: (404, "placement.undefined_code"),
    errors.AllocationsMissing: (404, "placement.undefined_code"),
    errors.UnknownProvider: (400, "placement.undefined_code"),
    errors.UnknownReshapedProvider: (400, "placement.resource_provider.not_found"),
    errors.UnknownParent: (400, "placement.undefined_code"),
    errors.UnknownResourceClass: (400, "placement.undefined_code"),
    errors.UnknownTraits: (400, "placement.undefined_code"),
    errors.InventoryNotOffered: (400, "placement.undefined_code"),
    errors.BadInput: (400, "placement.undefined_code"),
    errors.RepeatedQuestion: (400, "placement.query.duplicate_key"),
    errors.BadQuestion: (400, "placement.query.bad_value"),
    errors.MissingQuestion: (400, "placement.query.missing_value"),
    errors.StandardNameFixed: (400, "placement.undefined_code"),
    errors.ReservedTooLarge: (400, "placement.undefined_code"),
    errors.ProviderLoop: (400, "placement.undefined_code"),
    errors.ProviderOwnParent: (400, "placement.undefined_code"),
    errors.ReparentingNotAllowed: (400, "placement.undefined_code"),
    errors.ProviderGenerationConflict: (409, "placement.concurrent_update"),
    errors.ConsumerGenerationConflict: (409, "placement.concurrent_update"),
    errors.ConcurrentUpdate: (409, "placement.concurrent_update"),
    errors.InventoryInUse: (409, "placement.inventory.inuse"),
    errors.OneInventoryInUse: (409, "placement.concurrent_update"),
    errors.ProviderHasAllocations: (409, "placement.resource_provider.inuse"),
    errors.ProviderHasChildren: (409, "placement.resource_provider.cannot_delete_parent"),
    errors.ResourceClassInUse: (409, "placement.undefined_code"),
    errors.TraitInUse: (409, "placement.undefined_code"),
    errors.ProviderExists: (409, "placement.duplicate_name"),
    errors.InventoryExists: (409, "placement.concurrent_update"),
    errors.ResourceClassExists: (409, "placement.undefined_code"),
    errors.NoInventoryToAllocate: (409, "placement.undefined_code"),
    errors.AmountDoesNotFit: (409, "placement.undefined_code"),
    errors.NotPermitted: (403, "placement.undefined_code"),
    errors.QueueFull: (503, "placement.undefined_code"),
    errors.DeadlineExceeded: (503, "placement.undefined_code"),
}


def an_example(kind: type[errors.Refusal]) -> errors.Refusal:
    """A refusal of this class with something in each field."""
    samples: dict[Any, Any] = {int: 7, bool: True, float: 1.5, Misfit: Misfit.UNITS, Inventory: Inventory(total=1)}
    values = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        hint = get_type_hints(kind)[parameter.name]
        values[name] = samples.get(hint, ("a", "b") if "tuple" in str(hint) else f"<{name}>")
    return kind(**values)


def request(accept: str = "", method: str = "GET") -> Request:
    return Request(method, b"/", b"", {"accept": accept})


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_refusal_has_the_status_and_code_that_clients_know(kind: type[errors.Refusal]) -> None:
    problem = problems.from_refusal(an_example(kind))
    assert (problem.status, problem.code) == EXPECTED[kind]


def test_no_row_is_for_nothing() -> None:
    assert set(TABLE) <= {*KINDS, *REFUSALS}
    assert all(isinstance(row, Row) and row.status in problems.STATUSES for row in TABLE.values())


def test_a_kind_that_nobody_thought_of_is_a_mistake() -> None:
    class Novel(errors.Refusal):
        pass

    with pytest.raises(LookupError, match="Novel"):
        problems.row_for(Novel)


def test_an_error_has_status_title_detail_and_request_id() -> None:
    response = problems.reply(Problem(409, "It is so."), request(), "req-1", MINIMUM)
    assert response.content_type == "application/json"
    assert error(response) == {
        "status": 409,
        "title": "Conflict",
        "detail": "There was a conflict when trying to complete your request.\n\n It is so.  ",
        "request_id": "req-1",
    }


def test_an_error_has_a_code_from_1_23_on() -> None:
    assert "code" not in error(problems.reply(Problem(404), request(), "req-1", MINIMUM))
    assert "code" not in error(problems.reply(Problem(404), request(), "req-1", None))
    assert error(problems.reply(Problem(404), request(), "req-1", LATEST))["code"] == "placement.undefined_code"


def test_a_detail_is_one_line_after_the_stock_sentence() -> None:
    detail = error(problems.reply(Problem(400, "a\nb"), request(), "req-1", LATEST))["detail"]
    sentence, blank, message = detail.split("\n")
    assert sentence.startswith("The server could not comply with the request")
    assert (blank, message.strip()) == ("", "a b")


def test_an_error_that_quotes_the_asker_is_escaped_in_html() -> None:
    response = problems.reply(Problem(400, "<script>"), request("text/html"), "req-1", LATEST)
    assert response.content_type == "text/html; charset=UTF-8"
    assert b"<script>" not in response.body
    assert b"&lt;script&gt;" in response.body


def test_an_error_that_quotes_braces_quotes_them() -> None:
    for accept in ("{0}", "text/{x}", "application/json"):
        response = problems.reply(Problem(406, "{sentence}"), request(accept), "req-1", LATEST)
        assert b"{sentence}" in response.body


def test_an_error_in_plain_text_begins_with_its_status() -> None:
    response = problems.reply(Problem(404), request("text/plain"), "req-1", LATEST)
    assert response.content_type == "text/plain; charset=UTF-8"
    assert response.body.startswith(b"404 Not Found\n\nThe resource could not be found.")


def test_the_lack_of_a_token_is_told_as_authenticating_middleware_does() -> None:
    told = json.loads(problems.reply(Problem(401), request(), "req-1", None).body)
    assert (told["code"], told["title"]) == ("401 Unauthorized", "Unauthorized")
    assert told["message"].startswith("This server could not verify that you are authorized")


def test_a_refused_write_says_first_what_could_not_be_done() -> None:
    refusal = errors.ProviderHasChildren("u")
    problem = problems.from_refusal(refusal, "Unable to do {it}", {"it": "that {x}"})
    assert problem.message == f"Unable to do that {{x}}: {refusal.message}"


def test_what_is_missing_or_malformed_is_told_as_it_is() -> None:
    for refusal in (errors.ProviderMissing("u"), errors.BadInput("bad")):
        assert problems.from_refusal(refusal, "Unable to do {it}", {"it": "x"}).message == refusal.message


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain;q=x"])
@pytest.mark.parametrize("status", sorted(STATUSES))
def test_what_was_sent_is_not_said_again_at_any_length(status: int, accept: str) -> None:
    headers = {"accept": f"{accept}, {'a' * 100_000}/a", "content-type": "b" * 100_000}
    request = Request("C" * 100_000, b"/", b"", headers)
    response = problems.reply(Problem(status, f"No such trait(s): {'d' * 10_000_000}"), request, "req-1", LATEST)
    assert len(response.body) < 6_000
    if status != 401 or b"<br /><br />" not in response.body:
        assert b"No such trait(s): dddd" in response.body
