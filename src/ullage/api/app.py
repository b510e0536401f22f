"""The order of a request, free of any server.

A request that is wrong in several ways is refused for the first of them in this order:

1. 401 it does not say who asks (everywhere but at `/`), or says it badly; 429 who asks has asked too much
2. 400 or 406 the version it asks for is no version, or is not served
3. 400 it has a body, but not of a stated type and length
4. 404 its path is unknown
5. 405 its path has no such method
6. 404 (for one route 405) the version it asks for does not have that route
7. 415 its body is not of the type that the route reads
8. 406 it does not accept what the route gives
9. 403 the asker may not do this
10. 400 its query, then its body, is malformed
11. 404, 400 or 409 what it is about does not exist or does not allow it: the ledger's order

Before all of these, where the bytes come in: 413 and 408 for bodies too large or too slow, 503 when there is too much
to do already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from ullage.api import negotiation, problems, request_log, uris, version_document
from ullage.api.askers import Allowance, Askers
from ullage.api.auth import NotIdentified, schemes_for
from ullage.api.cors import Cors
from ullage.api.http import Call, Identity, InTurn, Request, Response, Route, WouldWait, Write
from ullage.api.policy import Confinement, Policy, own
from ullage.api.policy_rules import OPEN
from ullage.api.problems import Problem
from ullage.api.request_log import Visit
from ullage.api.routing import MethodUnknown, PathUnknown, RouteTable
from ullage.api.versions import Microversion, has
from ullage.model.errors import Busy, Refusal
from ullage.operations import writing
from ullage.operations.service import Service
from ullage.operations.writing import Outcome
from ullage.settings import Settings

T = TypeVar("T")

BRIEF_BYTES_MAX = 8 * 1024
"""Larger bodies are read in a thread. To word what is wrong with one of this size takes 3 ms at the worst."""
ANONYMOUS = Identity("", None, frozenset())


@dataclass(slots=True)
class Begun:
    """A request that waits for its command to be decided."""

    call: Call
    route: Route
    visit: Visit
    write: Write


@dataclass(slots=True)
class Waiting:
    """A request that waits for its turn."""

    call: Call
    route: Route
    visit: Visit
    asker: str
    work: Callable[[], Response]


class App:
    """Answers requests; one for each process, called from many threads."""

    def __init__(self, service: Service, settings: Settings, routes: Iterable[Route]) -> None:
        """Raises ValueError for a route that is there twice or whose policy rule does not exist."""
        self.settings = settings
        self.service = service
        self._schemes = schemes_for(settings, service)
        self._policy = Policy(settings)
        self._askers = Askers(Allowance.of(settings))
        self._cors = Cors(settings.cors_origins)
        self._routes = RouteTable((*version_document.ROUTES, *routes))

    def handle(self, request: Request) -> Response:
        """The reply to a request, whatever that waits for; never raises."""
        begun = self.begin(request)
        if isinstance(begun, Response):
            return begun
        if isinstance(begun, Waiting):
            with self.service.searching.taken(begun.asker):
                return self.take_turn(begun)
        return self.end(begun, writing.run(self.service, begun.write.command, begun.call.origin))

    def begin(self, request: Request, *, may_wait: bool = True) -> Response | Begun | Waiting:
        """The reply to a request, or what leads to it once its command is decided, or it has its turn; raises nothing
        but WouldWait."""
        visit = Visit()
        answer: Response | Begun | Waiting = self._attempt(
            request, visit, lambda: self._cors.preflight(request) or self._answer(request, visit, may_wait)
        )
        return self._finish(answer, request, visit) if isinstance(answer, Response) else answer

    def end(self, begun: Begun, outcome: Outcome) -> Response:
        """The reply to a request whose command has come to this; never raises."""
        return self._ended(begun, lambda: begun.write.reply(writing.result(outcome)))

    def take_turn(self, waiting: Waiting) -> Response:
        """The reply to a request that has its turn; never raises."""
        return self._ended(waiting, waiting.work)

    def put_off(self, waiting: Waiting, problem: Problem) -> Response:
        """The reply to a request that will not have its turn after all."""
        request, visit = waiting.call.request, waiting.visit
        return self._finish(self._problem_reply(problem, request, visit), request, visit)

    def abandon(self, begun: Begun) -> None:
        """A request will not be ended after all: whoever asked has gone."""
        self._leave(begun.visit)

    def is_brief(self, request: Request) -> bool:
        """Whether `begin` and `end` neither wait for anything nor compute for long: an event loop may call them."""
        if len(request.body) > BRIEF_BYTES_MAX:
            return False
        try:
            return self._routes.find(request.method, uris.decode_path(request.raw_path))[0].is_brief
        except (PathUnknown, MethodUnknown):
            return False

    def refuse(self, problem: Problem, request: Request) -> Response:
        """The reply to a request that an entry turns away before it is whole."""
        visit = Visit()
        return self._finish(problems.reply(problem, request, visit.request_id, None), request, visit)

    def _ended(self, begun: Begun | Waiting, step: Callable[[], Response]) -> Response:
        request, visit = begun.call.request, begun.visit
        answer = self._attempt(request, visit, lambda: self._mended(begun.call, begun.route, visit, step))
        return self._finish(answer, request, visit)

    def _answer(self, request: Request, visit: Visit, may_wait: bool) -> Response | Begun | Waiting:
        path = uris.decode_path(request.raw_path)
        identity = ANONYMOUS if path in ("", "/") else self._identify(request, visit, may_wait)
        visit.identity = identity
        asker = identity.user or f"@{request.remote_address}"
        self._admit(asker, visit)
        visit.version = version = _version(request)
        _require_described_body(request)
        route, parameters = self._route(request.method, path)
        _require_feature(route, version)
        _require_media_types(route, request, version)
        query, query_fault = _query(request)
        confinement = self._permit(route, identity, query, may_wait)
        if query_fault is not None:
            raise query_fault
        _require_text(parameters)
        call = Call(
            self.service, request, version, identity, parameters, query, may_wait, visit.request_id, confinement
        )
        answer = self._mended(call, route, visit, lambda: route.handler(call))
        if isinstance(answer, InTurn):
            return Waiting(call, route, visit, asker, answer.work)
        return Begun(call, route, visit, answer) if isinstance(answer, Write) else answer

    def _attempt(self, request: Request, visit: Visit, step: Callable[[], Response | T]) -> Response | T:
        """What a step gives, or the reply to what it raises."""
        try:
            answer = step()
            if isinstance(answer, Response):
                _add_version_headers(answer, visit.version, has_vary=True)
            return answer
        except Problem as problem:
            return self._problem_reply(problem, request, visit)
        except Refusal as refusal:
            if isinstance(refusal, Busy):
                request_log.trouble(visit, request, str(refusal))
            return self._problem_reply(problems.from_refusal(refusal), request, visit)
        except WouldWait:
            self._leave(visit, is_undone=True)
            raise
        except Exception:  # noqa: BLE001 # a mistake of ours must cost one request, not the connection
            request_log.bug(visit, request)
            return problems.reply(Problem(500, "This is a mistake in the service."), request, visit.request_id, None)

    def _mended(self, call: Call, route: Route, visit: Visit, step: Callable[[], T]) -> T:
        """What a step gives; raises a Refusal as the Problem that it is on this route."""
        try:
            return step()
        except Refusal as refusal:
            if isinstance(refusal, Busy):
                request_log.trouble(visit, call.request, str(refusal))
            problem = problems.from_refusal(refusal, route.trouble, call.parameters)
            problem.has_vary = problem.has_vary or route.missing_has_vary
            raise problem from refusal

    def _admit(self, asker: str, visit: Visit) -> None:
        if self._askers.enter(asker):
            visit.asker = asker

    def _leave(self, visit: Visit, *, is_undone: bool = False) -> None:
        if visit.asker:
            self._askers.leave(visit.asker, is_undone=is_undone)
            visit.asker = ""

    def _identify(self, request: Request, visit: Visit, may_wait: bool) -> Identity:
        try:
            return self._schemes.identify(request, may_wait)
        except NotIdentified:
            self._admit(f"@{request.remote_address}", visit)  # to guess credentials is to ask, too
            challenges = tuple(("www-authenticate", challenge) for challenge in self._schemes.challenges)
            raise Problem(401, headers=challenges) from None

    def _permit(
        self, route: Route, identity: Identity, query: dict[str, list[str]], may_wait: bool
    ) -> Confinement | None:
        if route.rule == OPEN:
            return None
        target = (query.get("project_id", [None])[-1], None) if route.names_project else own(identity)
        self._policy.require(route.rule, identity, target, may_wait=may_wait)
        return self._policy.confinement(route.rule, identity, may_wait=may_wait)

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        try:
            return self._routes.find(method, path)
        except PathUnknown:
            raise Problem(404, has_vary=False) from None
        except MethodUnknown as unknown:
            allowed = ", ".join(unknown.allowed)
            message = "The method specified is not allowed for this resource."
            raise Problem(405, message, headers=(("allow", allowed),)) from None

    def _problem_reply(self, problem: Problem, request: Request, visit: Visit) -> Response:
        response = problems.reply(problem, request, visit.request_id, visit.version)
        _add_version_headers(response, visit.version, problem.has_vary)
        return response

    def _finish(self, response: Response, request: Request, visit: Visit) -> Response:
        self._leave(visit)
        self._cors.mark(request, response)
        response.headers.append((request_log.REQUEST_ID_HEADER, visit.request_id))
        request_log.finish(visit, request, response)
        return response


def _version(request: Request) -> Microversion:
    try:
        return negotiation.version(request)
    except negotiation.VersionUnreadable as unreadable:
        raise Problem(400, str(unreadable)) from None
    except negotiation.VersionNotServed as not_served:
        raise Problem(406, str(not_served), names_versions=True) from None


def _require_described_body(request: Request) -> None:
    length = request.headers.get("content-length", "")
    if length and not (length.isascii() and length.isdigit()):
        raise Problem(400, "content-length header must be an integer", has_vary=False)
    if (request.body or int(length or 0) > 0) and not request.headers.get("content-type"):
        raise Problem(400, "content-type header required when content-length > 0", has_vary=False)


def _require_feature(route: Route, version: Microversion) -> None:
    if route.since is not None and not has(version, route.since):
        raise Problem(route.before)


def _require_media_types(route: Route, request: Request, version: Microversion) -> None:
    if route.reads_body(version):
        given = negotiation.body_media_type(request)
        if given != negotiation.JSON:
            raise Problem(415, f"The media type {given} is not supported, use {negotiation.JSON}")
    if route.gives_json and not negotiation.accepts_json(request):
        raise Problem(406, f"Only {negotiation.JSON} is provided")


def _query(request: Request) -> tuple[dict[str, list[str]], Problem | None]:
    """The query, or what is wrong with it: policy speaks first, and must see the project that a sound query names."""
    try:
        return uris.decode_query(request.raw_query), None
    except uris.QueryUnreadable as unreadable:
        return {}, Problem(400, f"Invalid query string parameters: {unreadable}")


def _require_text(parameters: dict[str, str]) -> None:
    for name, value in parameters.items():
        if "\0" in value:
            raise Problem(400, f"The {name} in the path holds a NUL character.")


def _add_version_headers(response: Response, version: Microversion | None, has_vary: bool) -> None:
    if version is None:
        return
    response.headers.append(negotiation.version_header(version))
    if has_vary:
        response.headers.append(("vary", negotiation.VERSION_HEADER))
