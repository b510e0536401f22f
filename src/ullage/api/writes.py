"""Commands handed to the committer from an event loop, so that no thread waits for what comes of them.

64 claims that wait for one commit would else be 64 threads that wake at once and queue up for the interpreter, which
costs more than all that is done for the claims outside the committer (docs/decisions/0005).
"""

from __future__ import annotations

import asyncio
from functools import partial

from ullage.api.deadlines import Deadlines
from ullage.api.threads import Mail
from ullage.model.commands import Command
from ullage.model.errors import DeadlineExceeded, Refusal
from ullage.model.origin import NOBODY, Origin
from ullage.operations import writing
from ullage.operations.service import Service
from ullage.operations.writing import Outcome


class Writes:
    """The commands of one process that wait; used in its event loop alone. `seconds`: how long each waits at most."""

    def __init__(self, service: Service, mail: Mail, seconds: float) -> None:
        self._service = service
        self._mail = mail
        self._seconds = seconds
        self._deadlines = Deadlines(seconds)

    async def outcome(self, command: Command, origin: Origin = NOBODY) -> Outcome:
        """What became of a command: what Committer.run would give or raise."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            writing.submit(self._service, command, partial(self._mail.send, outcome), origin)
        except Refusal as refusal:
            return refusal
        deadline = self._deadlines.start(partial(self._give_up, outcome))
        try:
            return await outcome
        finally:
            deadline.end()

    def _give_up(self, outcome: asyncio.Future[Outcome]) -> None:
        if not outcome.done():
            outcome.set_result(DeadlineExceeded(self._seconds))
