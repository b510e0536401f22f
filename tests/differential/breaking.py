"""Makes a good request a bad, odd or merely unusual one: one thing about it is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from differential.asks import Ask
from differential.vocabulary import ODD_QUERY_KEYS, ODD_QUERY_VALUES, ODD_SEGMENTS, ODD_VALUES

ODD_BODIES = (
    b"",
    b"{",
    b"nope",
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"1",
    b"\xff\xfe",
    b'{"a": 1,}',
    b'{"name": "x", "name": "y"}',
    b'{"total": NaN}',
    b'{"name": "x"} trailing',
    b'\xef\xbb\xbf{"name": "x"}',
    b'{"name": "\xff"}',
    b'{"name": "\\ud800"}',
    b"[" * 3000,
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"resource_class": "VCPU", "total": 1e400}',
    b'{"resource_class": "VCPU", "total": 1, "allocation_ratio": -Infinity}',
    b'{"resource_class": "VCPU", "total": 1, "allocation_ratio": 1e999}',
    b'{"resource_class": "VCPU", "total": 1e1}',
    b'{"resource_class": "VCPU", "total": 5.0, "reserved": 1.0}',
)
ODD_HEADERS: tuple[tuple[str, str | None], ...] = (
    ("x-auth-token", None),
    ("x-auth-token", "user"),
    ("x-auth-token", "admin:project-one"),
    ("x-auth-token", ""),
    ("accept", None),
    ("accept", "*/*"),
    ("accept", "text/html"),
    ("accept", "text/plain"),
    ("accept", "application/*"),
    ("accept", "application/json; charset=utf-8"),
    ("accept", "text/html, application/json;q=0.5"),
    ("accept", "application/json;q=0"),
    ("accept", "nonsense"),
    ("content-type", None),
    ("content-type", "text/plain"),
    ("content-type", "application/json; charset=utf-8"),
    ("content-type", "Application/JSON"),
    ("content-type", "application/json,text/plain"),
    ("content-type", ""),
    ("openstack-api-version", None),
    ("openstack-api-version", "placement latest"),
    ("openstack-api-version", "placement 1.40"),
    ("openstack-api-version", "placement 0.9"),
    ("openstack-api-version", "placement 2.0"),
    ("openstack-api-version", "placement 1"),
    ("openstack-api-version", "placement 1.2.3"),
    ("openstack-api-version", "placement pony.horse"),
    ("openstack-api-version", "placement 1.39, compute 2.1"),
    ("openstack-api-version", "compute 2.1, placement 1.30"),
    ("openstack-api-version", "compute 2.1"),
    ("openstack-api-version", "PLACEMENT 1.30"),
    ("openstack-api-version", "1.30"),
    ("openstack-api-version", "placement 1.-1"),
    ("openstack-api-version", "placement 1.030"),
    ("openstack-api-version", ""),
    ("x-roles", "reader"),
    ("x-roles", "service"),
    ("openstack-system-scope", "all"),
)
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS")


def broken(ask: Ask, random: Random) -> Ask:
    """The request with one thing changed."""
    ways: list[Callable[[Ask, Random], Ask]] = [_path, _query, _headers, _query]
    if ask.body is not None:
        ways += [_json, _json, _json, _json, _json, _body]
    elif random.random() < 0.15:
        ways = [_method]
    return random.choice(ways)(ask, random)


def _path(ask: Ask, random: Random) -> Ask:
    segments = ask.path.split("/")
    place = random.randrange(len(segments))
    way = random.randrange(7)
    if way == 6:
        segments.insert(place, "")
    elif way == 0:
        segments.append("")
    elif way == 1:
        segments.append(random.choice(("x", "inventories", "traits", "usages")))
    elif way == 2:
        segments[place] = segments[place].upper()
    elif way == 3:
        segments[place] = segments[place].replace("-", "")
    else:
        segments[-1 if len(segments) < 4 else place or 2] = random.choice(ODD_SEGMENTS)
    path = "/" + "/".join(segments).removeprefix("/")
    return replace(ask, target=path + (f"?{ask.query}" if ask.query else ""))


def _query(ask: Ask, random: Random) -> Ask:
    pairs = [pair for pair in ask.query.split("&") if pair]
    way = random.randrange(6)
    if way == 0 and pairs:
        pairs.pop(random.randrange(len(pairs)))
    elif way == 1 and pairs:
        pairs.insert(random.randrange(len(pairs) + 1), random.choice(pairs))
    elif way == 2 and pairs:
        key = random.choice(pairs).partition("=")[0]
        pairs.insert(random.randrange(len(pairs) + 1), f"{key}={random.choice(ODD_QUERY_VALUES)}")
    elif way == 3 and pairs:
        place = random.randrange(len(pairs))
        key = pairs[place].partition("=")[0]
        pairs[place] = f"{key}={random.choice(ODD_QUERY_VALUES)}"
    elif way == 4:
        pairs.append(random.choice(ODD_QUERY_KEYS))
    else:
        pairs.append(f"{random.choice(ODD_QUERY_KEYS)}={random.choice(ODD_QUERY_VALUES)}")
    return replace(ask, target=ask.path + ("?" + "&".join(pairs) if pairs else ""))


def _headers(ask: Ask, random: Random) -> Ask:
    name, value = random.choice(ODD_HEADERS)
    return ask.with_header(name, value)


def _method(ask: Ask, random: Random) -> Ask:
    return replace(ask, method=random.choice(METHODS))


def _body(ask: Ask, random: Random) -> Ask:
    return replace(ask, body=random.choice(ODD_BODIES))


def _json(ask: Ask, random: Random) -> Ask:
    """One node of the JSON document is taken away, replaced by an odd value, renamed or given a strange neighbour."""
    document = json.loads(ask.body or b"null")
    spots = list(_spots(document))
    if not spots:
        return replace(ask, body=json.dumps(random.choice(ODD_VALUES)).encode())
    holder, key = random.choice(spots)
    way = random.randrange(8)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[random.choice(("x", "CUSTOM_GOLD", "", "generation", "uuid"))] = random.choice(ODD_VALUES)
    elif way == 2 and isinstance(holder, dict):
        holder[random.choice(("x", "vcpu", "CUSTOM_ABSENT", "00000000-0000-4000-8000-00000000dead"))] = holder.pop(key)
    elif way == 3 and isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[key] = random.choice(ODD_VALUES)
    return replace(ask, body=json.dumps(document).encode())


def _spots(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    found: list[tuple[Any, Any]] = []
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        found.append((document, key))
        found += _spots(document[key])
    return found
