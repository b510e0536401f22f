"""From providers to the roots of their trees, and back, for whole masks."""

from __future__ import annotations

import numpy as np

from ullage.engine.block import Mask
from ullage.engine.snapshot import Snapshot


def roots_of(snapshot: Snapshot, mask: Mask) -> Mask:
    """The roots of the trees that have at least one provider in a mask."""
    result = mask
    elsewhere = []
    for index, block in enumerate(snapshot.blocks):
        places = block.descendant_places
        if len(places) == 0:
            continue
        hit = mask[index, places]
        if hit.any():
            if result is mask:
                result = mask.copy()
            result[index, places] = False
            elsewhere.append(block.descendant_roots[hit])
    if elsewhere:
        positions = snapshot.positions(np.concatenate(elsewhere))
        result.reshape(-1)[positions[positions >= 0]] = True
    return result


def trees_of(snapshot: Snapshot, roots: Mask) -> Mask:
    """All providers of the trees whose roots are in a mask, whatever else is in it."""
    result = roots
    for index, block in enumerate(snapshot.blocks):
        places = block.descendant_places
        if len(places) == 0:
            continue
        if result is roots:
            result = roots.copy()
        positions = snapshot.positions(block.descendant_roots)
        result[index, places] = (positions >= 0) & roots.reshape(-1)[positions]
    return result


def roots(snapshot: Snapshot) -> Mask:
    """All roots."""
    result = snapshot.everybody()
    for index, block in enumerate(snapshot.blocks):
        result[index, block.descendant_places] = False
    return result
