"""What counts as the same answer.

Ids of requests, hosts, and the order of JSON lists are no difference (no list of this API has an order that means
anything); times may be a few seconds apart. Of an error's detail only the first line counts, the stock sentence of its
status: the rest is compared where the published suites and the clients look at it, in the suites.
"""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from differential.asks import Answer, Ask

HEADERS = ("content-type", "vary", "openstack-api-version", "cache-control", "allow", "www-authenticate")
SECONDS_APART = 3.0


def differences(ask: Ask, theirs: Answer, ours: Answer, began: float = 0.0) -> list[str]:
    """What differs, in words; [] if nothing does. `began`: times before it are all the same, for each side was made
    at its own time."""
    found = []
    if theirs.status != ours.status:
        found.append(f"status {theirs.status} -> {ours.status}")
    found += [
        f"{name}: {theirs.headers.get(name)!r} -> {ours.headers.get(name)!r}"
        for name in HEADERS
        if _header(theirs, name) != _header(ours, name)
    ]
    found += _location(theirs, ours) + _last_modified(theirs, ours, began)
    if theirs.status == ours.status:
        found += _bodies(ask, theirs, ours)
    return found


def normalised(value: Any) -> Any:
    """A JSON value with every list sorted."""
    if isinstance(value, dict):
        return {key: normalised(entry) for key, entry in sorted(value.items())}
    if isinstance(value, list):
        return sorted((normalised(entry) for entry in value), key=lambda entry: json.dumps(entry, sort_keys=True))
    return value


def _header(answer: Answer, name: str) -> Any:
    value = answer.headers.get(name)
    if value is None or name not in ("vary", "allow"):
        return value.lower().replace(" ", "") if value and name == "content-type" else value
    return sorted(part.strip().lower() for part in value.split(","))


def _location(theirs: Answer, ours: Answer) -> list[str]:
    one, other = (urlsplit(answer.headers.get("location", "")) for answer in (theirs, ours))
    if (bool(one.netloc), one.path, one.query) == (bool(other.netloc), other.path, other.query):
        return []
    return [f"location: {theirs.headers.get('location')} -> {ours.headers.get('location')}"]


def _last_modified(theirs: Answer, ours: Answer, began: float) -> list[str]:
    texts = [answer.headers.get("last-modified") for answer in (theirs, ours)]
    if texts[0] is None or texts[1] is None:
        same = texts[0] == texts[1]
    else:
        one, other = (max(parsedate_to_datetime(text).timestamp(), began) for text in texts if text)
        same = abs(one - other) <= SECONDS_APART
    return [] if same else [f"last-modified: {texts[0]} -> {texts[1]}"]


def _bodies(ask: Ask, theirs: Answer, ours: Answer) -> list[str]:
    one, other = theirs.json(), ours.json()
    if one is None or other is None:
        if ask.method == "HEAD" or theirs.status >= 400:  # an error as text or HTML: only that both have one
            same = bool(theirs.body) == bool(ours.body)
        else:
            same = theirs.body == ours.body
        return [] if same else [f"body: {theirs.body[:300]!r} -> {ours.body[:300]!r}"]
    if isinstance(one, dict) and "errors" in one:
        one, other = _error(one), _error(other)
    one, other = normalised(one), normalised(other)
    if one == other:
        return []
    if "limit=" in ask.query and ask.path == "/allocation_candidates":
        return _limited(one, other)
    return [f"body: {shown}" for shown in _where(one, other, "$")][:6]


def _error(document: Any) -> Any:
    """An error document without what may differ."""
    if not isinstance(document, dict) or not document.get("errors"):
        return document
    error = dict(document["errors"][0])
    error.pop("request_id", None)
    error["detail"] = str(error.get("detail")).split("\n")[0]
    return error


def _limited(one: Any, other: Any) -> list[str]:
    """With a limit each side may choose; the number it gives may not differ."""
    counts = [len(document.get("allocation_requests", ())) for document in (one, other)]
    return [] if counts[0] == counts[1] else [f"body: {counts[0]} candidates -> {counts[1]}"]


def _where(one: Any, other: Any, place: str) -> list[str]:
    """The places where two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for key in sorted(one.keys() | other.keys()):
            if key not in one or key not in other:
                missing, value = ("reference lacks", other) if key not in one else ("Ullage lacks", one)
                found.append(f"{place}.{key}: {missing} {json.dumps(value[key])[:200]}")
            else:
                found += _where(one[key], other[key], f"{place}.{key}")
        return found
    if isinstance(one, list) and isinstance(other, list):
        ones, others = ([json.dumps(entry, sort_keys=True) for entry in entries] for entries in (one, other))
        lost, extra = list(ones), []
        for entry in others:
            if entry in lost:
                lost.remove(entry)
            else:
                extra.append(entry)
        return [f"{place}: Ullage lacks {entry[:300]}" for entry in lost] + [
            f"{place}: reference lacks {entry[:300]}" for entry in extra
        ]
    return [] if one == other else [f"{place}: {json.dumps(one)[:200]} -> {json.dumps(other)[:200]}"]
