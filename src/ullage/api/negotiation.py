"""What a request's headers ask for: the version, the media type of the reply, the media type of its own body."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

from ullage.api.http import Request
from ullage.api.uris import UNREADABLE
from ullage.api.versions import MINIMUM, Microversion, is_served, parse

SERVICE = "placement"
VERSION_HEADER = "openstack-api-version"
JSON = "application/json"

_SHOWN_MAX = 200
_KNOWN_LENGTH_MAX = 64
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE = re.compile(rf"({_WORD})/({_WORD})")
_PARAMETER = re.compile(rf'{_WORD}=(?:{_WORD}|"[^"]*")')
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


class ErrorForm(Enum):
    """The forms that an error reply comes in; the value is its content type."""

    HTML = "text/html; charset=UTF-8"
    JSON = JSON
    TEXT = "text/plain; charset=UTF-8"


class VersionUnreadable(Exception):
    """The version header names this service with something that is no version."""


class VersionNotServed(Exception):
    """The version header asks for a version outside the range."""


def version(request: Request) -> Microversion:
    """The version asked for, 1.0 if none is; raises VersionUnreadable or VersionNotServed, each with its sentence."""
    header = request.headers.get(VERSION_HEADER, "")
    return _known_version(header) if len(header) <= _KNOWN_LENGTH_MAX else _said_version(header)


def _said_version(header: str) -> Microversion:
    text = header if UNREADABLE in header else _version_text(header)
    if text is None:
        return MINIMUM
    asked = parse(text)
    if asked is None:
        raise VersionUnreadable(f"Invalid microversion: invalid version string: {text[:_SHOWN_MAX]}")
    if not is_served(asked):
        raise VersionNotServed(f"Invalid microversion: Unacceptable version header: {text[:_SHOWN_MAX]}")
    return asked


_known_version = lru_cache(256)(_said_version)  # clients say the same all the time; what is refused is not kept


@lru_cache(256)  # there are fewer versions
def version_header(version: Microversion) -> tuple[str, str]:
    """The header of a reply that says what version it is in."""
    return VERSION_HEADER, f"{SERVICE} {version}"


def _version_text(header: str) -> str | None:
    """What the header says for this service; it may list several services, and the last mention counts."""
    for mention in reversed(header.split(",")):
        words = mention.split(None, 1)
        if len(words) == 2 and words[0].lower() == SERVICE:
            return words[1].strip()
    return None


def asked_media_types(request: Request) -> str:
    """The Accept header, where none and "anything" mean JSON."""
    accept = request.headers.get("accept", "")
    return JSON if accept in ("", "*/*") else accept


def accepts_json(request: Request) -> bool:
    """Whether a JSON reply is acceptable."""
    asked = asked_media_types(request)
    return asked == JSON or bool(acceptable(asked, (JSON,)))


def error_form(request: Request) -> ErrorForm:
    """The form that the asker of a refused request prefers: JSON unless it names another; HEAD shows it to nobody."""
    if request.method == "HEAD":
        return ErrorForm.HTML
    asked = asked_media_types(request)
    if asked == JSON:
        return ErrorForm.JSON
    best = acceptable(asked, ("text/html", JSON))[:1]
    return {"text/html": ErrorForm.HTML, JSON: ErrorForm.JSON}[best[0]] if best else ErrorForm.TEXT


def acceptable(accept: str, offers: Sequence[str]) -> list[str]:
    """Those of the offers that an Accept header admits, the best first; an unreadable header admits all."""
    ranges = _ranges(accept)
    if ranges is None:
        return list(offers)
    rated = [(offer, _quality(offer, ranges)) for offer in offers]
    return [offer for offer, quality in sorted(rated, key=lambda pair: -pair[1]) if quality > 0]


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """What the most specific range that matches says of an offer; 0.0 if none does."""
    kind = offer.partition("/")[0]
    for pattern in (offer, f"{kind}/*", "*/*"):
        for media_range, quality in ranges:
            if media_range == pattern:
                return quality
    return 0.0


def _ranges(accept: str) -> list[tuple[str, float]] | None:
    """Media ranges with their qualities; None if the header is malformed.

    A range with parameters of its own keeps them, so that it matches no offer here: no offer has any.
    """
    ranges = []
    for element in accept.split(","):
        if not element.strip():
            continue
        name, *parameters = (part.strip() for part in element.split(";"))
        if not _RANGE.fullmatch(name):
            return None
        quality = "1"
        own = ""
        for parameter in parameters:
            if not _PARAMETER.fullmatch(parameter):
                return None
            key, _, value = parameter.partition("=")
            if key.lower() == "q":
                quality = value
            else:
                own += f";{parameter}"
        if not _QUALITY.fullmatch(quality):
            return None
        ranges.append((name.lower() + own, float(quality)))
    return ranges or None


def body_media_type(request: Request) -> str | None:
    """The media type of the request's body without its parameters, or None if it says none."""
    return request.headers.get("content-type", "").partition(";")[0].strip() or None
