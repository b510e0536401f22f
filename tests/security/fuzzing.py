"""Requests that nobody thought of: made of the OpenAPI document, of good requests that were spoilt, and of nothing."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote, urlencode

import schemathesis
from api.client import CONSUMER, OTHER, UUID
from api.good import GOOD
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core.result import Ok

from security.judging import Judge
from security.sending import Line, request
from ullage.api import openapi
from ullage.api.routes import ROUTES

SEED_AGAIN_EVERY = 400
PIECES = [
    *(
        b"%00",
        b"%ff",
        b"%",
        b"\x00",
        b"\xff\xfe",
        b"\r\n",
        b"\n",
        b" ",
        b"?",
        b"&",
        b"#",
        b"/",
        b"..",
        b"{",
        b"}",
        b'"',
    ),
    *(
        b"[" * 2000,
        b"9" * 400,
        b"-1",
        b"1e999",
        b"NaN",
        b"null",
        b"true",
        b"\\ud800",
        b"\\u0000",
        b"A" * 9000,
        b"\xe2\x98\x83",
    ),
    *(
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"HTTP/0.9",
        b"HTTP/2.0",
        b"Expect: 100-continue\r\n",
    ),
]
QUERIES = {
    "/resource_providers": f"name=a&uuid={UUID}&resources=VCPU:1&required=HW_CPU_X86_AVX&in_tree={UUID}"
    f"&member_of=in:{UUID}",
    "/allocation_candidates": f"resources=VCPU:1&resources_A=VCPU:1&group_policy=none&limit=3&in_tree_A={UUID}"
    "&same_subtree=_A",
    "/traits": "name=startswith:HW&associated=true",
    "/usages": "project_id=p&user_id=u&consumer_type=all",
}


def populate(line: Line) -> None:
    """Make the two providers that good requests are about, where they are not."""
    for uuid, name in ((UUID, "host"), (OTHER, "other")):
        line.ask(request("POST", "/resource_providers", json.dumps({"name": name, "uuid": uuid}).encode()))
        stock = {"resource_class": "VCPU", "total": 64}
        line.ask(request("POST", f"/resource_providers/{uuid}/inventories", json.dumps(stock).encode()))


def good_requests() -> list[bytes]:
    """One request for each route, such as clients send."""
    made = []
    for route in ROUTES:
        target = route.path.replace("{uuid}", UUID).replace("{consumer_uuid}", CONSUMER)
        target = target.replace("{resource_class}", "VCPU").replace("{name}", "CUSTOM_A")
        if route.method == "GET" and route.path in QUERIES:
            target += f"?{QUERIES[route.path]}"
        body = GOOD.get((route.method, route.path)) if route.reads_json else None
        made.append(request(route.method, target, b"" if body is None else json.dumps(body).encode()))
    return made


def described(line: Line, judge: Judge, count: int, chance: int) -> None:
    """Requests that Schemathesis makes of the OpenAPI document, about as many for each operation."""
    schema = schemathesis.openapi.from_dict(openapi.document(ROUTES))
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    each = -(-count // len(operations))
    for operation in operations:
        populate(line)
        _ask_each(operation, line, judge, each, chance)


def _ask_each(operation: Any, line: Line, judge: Judge, count: int, chance: int) -> None:
    left = iter(range(count))  # Hypothesis may draw more than it was told

    @seed(chance)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        if next(left, None) is not None:
            sent = _sent(case)
            judge.whole("schemathesis", sent, *line.ask(sent))

    ask()


def _sent(case: Any) -> bytes:
    """A case of Schemathesis as bytes."""
    given = case.as_transport_kwargs(base_url="http://ullage.example")
    target = given["url"].removeprefix("http://ullage.example") or "/"
    query = urlencode(given.get("params") or {}, doseq=True, errors="replace")
    headers = {name: str(value) for name, value in given["headers"].items() if "\n" not in str(value)}
    # Without a token most would be refused at the door.
    headers = {name: value for name, value in headers.items() if name.lower() not in ("x-auth-token", "content-length")}
    body = json.dumps(given["json"]).encode() if "json" in given else b""
    return request(case.method, quote(f"{target}?{query}" if query else target, safe="/%?&=:+"), body, headers)


def spoilt(line: Line, judge: Judge, count: int, chance: random.Random) -> None:
    """Good requests of which something was changed: half of them still are requests, half need not be."""
    good = good_requests()
    for number in range(count):
        if number % SEED_AGAIN_EVERY == 0:
            populate(line)
        sent = chance.choice(good)
        if chance.random() < 0.9:
            sent = _reframed(sent, chance)
            judge.whole("spoilt", sent, *line.ask(sent))
        else:
            sent = _changed(sent, chance)
            judge.answer("spoilt", sent, *line.once(sent))


def _reframed(sent: bytes, chance: random.Random) -> bytes:
    """A request whose body or target was changed and whose framing is in order again."""
    head, _, body = sent.partition(b"\r\n\r\n")
    method, target, rest = head.split(b" ", 2)
    if body and chance.random() < 0.6:
        body = _changed(body, chance)
    else:
        target = b"/" + bytes(each for each in _changed(target, chance) if 0x21 <= each < 0x7F).lstrip(b"/")
    lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b" ".join((method, target, b"\r\n".join(lines))) + b"\r\n\r\n" + body


def _changed(data: bytes, chance: random.Random) -> bytes:
    """Bytes with one to four changes: put in, taken out, said twice, turned over, or exchanged."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        end = min(len(changed), place + chance.randint(1, 12))
        match chance.randrange(5):
            case 0:
                changed[place:place] = chance.choice(PIECES)
            case 1:
                del changed[place:end]
            case 2:
                changed[place:place] = changed[place:end]
            case 3:
                changed[place:end] = chance.randbytes(end - place)
            case _:
                changed[place:end] = chance.choice(PIECES)
    return bytes(changed)


def random_bytes(line: Line, judge: Judge, count: int, chance: random.Random) -> None:
    """Bytes that are nothing, some after a beginning that is something."""
    beginnings = (
        b"",
        b"GET / HTTP/1.1\r\n",
        b"POST /allocations HTTP/1.1\r\nHost: a\r\n",
        b"GET ",
        b"PRI * HTTP/2.0\r\n\r\n",
    )
    for _ in range(count):
        data = chance.choice(beginnings) + chance.randbytes(chance.randint(1, 400)) + chance.choice((b"", b"\r\n\r\n"))
        judge.answer("random", data, *line.once(data))
