"""The floor: answers that are there already, served as the product's are, by Granian with one worker.

GET gives the bytes of the file of that name in the folder that BENCH_STATIC names; PUT and POST take a body in and
answer 204.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

HEADERS = [("content-type", "application/json")]


class Static:
    """An RSGI application."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    async def __rsgi__(self, scope: Any, exchange: Any) -> None:
        if scope.method != "GET":
            await exchange()
            exchange.response_empty(204, [])
            return
        if scope.path not in self._bodies:
            self._bodies[scope.path] = (Path(os.environ["BENCH_STATIC"]) / Path(scope.path).name).read_bytes()
        exchange.response_bytes(200, HEADERS, self._bodies[scope.path])


application = Static()
