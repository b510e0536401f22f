"""Bodies decoded as a version has them, for the tests of bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ullage.api.bodies import shape_at
from ullage.api.claim_bodies import Owner
from ullage.api.decoding import Shape
from ullage.api.versions import Microversion, Since
from ullage.model.errors import BadInput

UUID = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
OTHER = "7d2590ae-fb85-4080-9306-058b4c915e3f"
CONSUMER = "3f5f0f2c-6b1e-4a6b-8a52-6fd0f6d5d5a1"
UNDASHED = UUID.replace("-", "")
NOBODY = Owner("no project", "no user")
OWNER = {"project_id": "p", "user_id": "u"}
HELD = {UUID: {"resources": {"VCPU": 2}}}


def version(minor: int) -> Microversion:
    return Microversion(1, minor)


def decode(table: Since[Shape[Any]], minor: int, body: object) -> Any:
    return shape_at(table, version(minor)).decode(body if isinstance(body, bytes) else json.dumps(body).encode())


def refusal(table: Since[Shape[Any]], minor: int, body: object) -> str:
    with pytest.raises(BadInput) as caught:
        decode(table, minor, body)
    return caught.value.message


def claim_body(**changes: object) -> dict[str, object]:
    """A claim of the newest shape."""
    return {"allocations": HELD, "consumer_generation": 1, "consumer_type": "INSTANCE", **OWNER, **changes}
