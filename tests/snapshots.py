"""Snapshots in a form that can be compared."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from ullage.engine.block import Block, Stock
from ullage.engine.snapshot import Snapshot


def contents(snapshot: Snapshot) -> dict[str, object]:
    """All that a snapshot says, in a form that can be compared."""
    return {
        "blocks": [columns(block) for block in snapshot.blocks],
        **{part.name: dict(getattr(snapshot, part.name).items()) for part in fields(Snapshot) if part.name != "blocks"},
    }


def columns(part: Block | Stock) -> dict[str, object]:
    found: dict[str, object] = {}
    for one in fields(part):
        value = getattr(part, one.name)
        if isinstance(value, Stock):
            found |= columns(value)
        elif isinstance(value, np.ndarray):
            found[one.name] = (np.flatnonzero(value) if value.dtype == np.bool_ else value).tolist()
        else:
            found[one.name] = value
    return found
