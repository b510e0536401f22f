"""Everything that is answered with an error: one table from refusals to statuses and codes, one shape of body.

The stock sentence that begins every `detail` is matched by existing Placement clients, and so is its layout (sentence,
blank line, message), down to the blanks.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ullage.api.http import Request, Response
from ullage.api.negotiation import ErrorForm, asked_media_types, error_form
from ullage.api.versions import LATEST, MINIMUM, Feature, Microversion, has
from ullage.model import errors

UNDEFINED_CODE = "placement.undefined_code"
CONCURRENT_UPDATE = "placement.concurrent_update"
MESSAGE_LENGTH_MAX = 4_000
"""Messages say again what the asker said, which may be a name of 10 MiB."""
HEADER_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Status:
    """A status as clients know it. `sentence` may name the request's {method}, {accept} or {content_type}."""

    title: str
    sentence: str
    layout: str = "{sentence}\n\n {message}  "


_TIGHT = "{sentence} \n\n {message}"

STATUSES: Mapping[int, Status] = {
    400: Status(
        "Bad Request",
        "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    ),
    401: Status(
        "Unauthorized",
        "This server could not verify that you are authorized to access the document you requested. "
        "Either you supplied the wrong credentials (e.g., bad password), or your browser does not understand how to "
        "supply the credentials required.",
    ),
    403: Status("Forbidden", "Access was denied to this resource."),
    404: Status("Not Found", "The resource could not be found."),
    405: Status("Method Not Allowed", "The method {method} is not allowed for this resource.", _TIGHT),
    406: Status(
        "Not Acceptable",
        "The resource could not be generated that was acceptable to your browser (content of type {accept}.",
        _TIGHT,
    ),
    408: Status("Request Timeout", "The server has waited too long for the request to be sent by the client."),
    409: Status("Conflict", "There was a conflict when trying to complete your request."),
    413: Status("Request Entity Too Large", "The body of your request was too large for this server."),
    415: Status(
        "Unsupported Media Type", "The request media type {content_type} is not supported by this server.", _TIGHT
    ),
    429: Status("Too Many Requests", "You have sent more requests than one asker may."),
    500: Status(
        "Internal Server Error",
        "The server has either erred or is incapable of performing the requested operation.",
    ),
    503: Status("Service Unavailable", "The server is currently unavailable. Please try again at a later time."),
}


@dataclass(eq=False)
class Problem(Exception):
    """An error reply in the making. `has_vary`: it depends on the version asked for, and says so to caches.

    `names_versions`: the body tells which versions are served, as clients expect of a refused version.
    """

    status: int
    message: str = ""
    code: str = UNDEFINED_CODE
    headers: tuple[tuple[str, str], ...] = ()
    has_vary: bool = True
    names_versions: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """How one kind of refusal is answered."""

    status: int
    code: str = UNDEFINED_CODE
    has_vary: bool = True
    headers: tuple[tuple[str, str], ...] = field(default=())


_RETRY = (("retry-after", "1"),)

TABLE: Mapping[type[errors.Refusal], Row] = {
    errors.Missing: Row(404),
    errors.ProviderMissing: Row(404, has_vary=False),
    errors.ResourceClassMissing: Row(404, has_vary=False),
    errors.Unknown: Row(400),
    errors.UnknownReshapedProvider: Row(400, "placement.resource_provider.not_found"),
    errors.Unacceptable: Row(400),
    errors.RepeatedQuestion: Row(400, "placement.query.duplicate_key"),
    errors.BadQuestion: Row(400, "placement.query.bad_value"),
    errors.MissingQuestion: Row(400, "placement.query.missing_value"),
    errors.Conflict: Row(409, CONCURRENT_UPDATE),
    errors.InUse: Row(409),
    errors.InventoryInUse: Row(409, "placement.inventory.inuse"),
    errors.OneInventoryInUse: Row(409, CONCURRENT_UPDATE),
    errors.ProviderHasAllocations: Row(409, "placement.resource_provider.inuse"),
    errors.ProviderHasChildren: Row(409, "placement.resource_provider.cannot_delete_parent"),
    errors.Exists: Row(409),
    errors.ProviderExists: Row(409, "placement.duplicate_name"),
    errors.InventoryExists: Row(409, CONCURRENT_UPDATE),
    errors.DoesNotFit: Row(409),
    errors.Denied: Row(403, has_vary=False),
    errors.Busy: Row(503, headers=_RETRY),
}
"""The nearest class of a refusal's ancestry decides, itself first: the row of a kind covers those without their own."""


def row_for(kind: type[errors.Refusal]) -> Row:
    """The row of a class of refusals; raises LookupError for a kind that nobody thought of."""
    for ancestor in kind.__mro__:
        if ancestor in TABLE:
            return TABLE[ancestor]
    raise LookupError(f"{kind.__name__} has no row in problems.TABLE")


_TOLD_AS_THEY_ARE = (errors.Missing, errors.BadInput, errors.Denied, errors.Busy)
"""Refusals that are not about what the route does."""


def from_refusal(refusal: errors.Refusal, trouble: str = "", parameters: Mapping[str, str] | None = None) -> Problem:
    """The problem that a refusal is on the wire.

    `trouble` says what could not be done, with names of `parameters` in braces; clients look for that beginning.
    """
    row = row_for(type(refusal))
    has_vary = row.has_vary or bool(getattr(refusal, "purpose", ""))
    message = refusal.message
    if trouble and not isinstance(refusal, _TOLD_AS_THEY_ARE):
        message = f"{trouble.format_map(parameters or {})}: {message}"
    return Problem(row.status, message, row.code, row.headers, has_vary)


def reply(problem: Problem, request: Request, request_id: str, version: Microversion | None) -> Response:
    """The whole error reply, in the form that the asker prefers."""
    status = STATUSES[problem.status]
    sentence = status.sentence.format(
        method=_cut(request.method, HEADER_LENGTH_MAX),
        accept=_cut(asked_media_types(request), HEADER_LENGTH_MAX),
        content_type=_cut(request.headers.get("content-type") or "None", HEADER_LENGTH_MAX),
    )
    message = _cut(problem.message, MESSAGE_LENGTH_MAX)
    detail = _detail(status, sentence, message)
    form = error_form(request)
    response = Response(problem.status, content_type=form.value, headers=list(problem.headers))
    heading = f"{problem.status} {status.title}"
    if form is ErrorForm.HTML:
        response.body = _html(heading, sentence, message).encode()
    elif form is ErrorForm.TEXT:
        response.body = f"{heading}\n\n{detail}".encode()
    elif problem.status == 401:
        # Clients know this one in the shape that an authenticating middleware gives it.
        body = {"message": f"{sentence}<br /><br />\n\n\n", "code": heading, "title": status.title}
        response.body = msgspec.json.encode(body)
    else:
        response.body = msgspec.json.encode({"errors": [_error(problem, status, detail, request_id, version)]})
    return response


def _error(
    problem: Problem, status: Status, detail: str, request_id: str, version: Microversion | None
) -> dict[str, object]:
    error: dict[str, object] = {
        "status": problem.status,
        "title": status.title,
        "detail": detail,
    }
    if version is not None and has(version, Feature.ERROR_CODES):
        error["code"] = problem.code
    error["request_id"] = request_id
    if problem.names_versions:
        error["max_version"] = str(LATEST)
        error["min_version"] = str(MINIMUM)
    return error


def _cut(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else f"{text[:length_max]}..."


def _detail(status: Status, sentence: str, message: str) -> str:
    return status.layout.format(sentence=sentence, message=message.replace("\n", " "))


def _html(heading: str, sentence: str, message: str) -> str:
    return (
        f"<html>\n <head>\n  <title>{heading}</title>\n </head>\n <body>\n  <h1>{heading}</h1>\n"
        f"  {html.escape(sentence)}<br /><br />\n{html.escape(message)}\n </body>\n</html>"
    )
