"""Runs the commands that README.md shows against a service of their own, and compares what they print.

`python tests/readme.py` (that is `make demo`) shows it happen; `test_readme.py` runs it as a test. Standard library
only: `make demo` needs no test tools. A block that begins with three backticks and `console` is a session: a line that
begins with `$ ` is a command (continued after a backslash or in an open quote), the lines below it are its output.
`...` in an output stands for anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHOWN_ADDRESS = "127.0.0.1:8778"
SHOWN_DATABASE = "sqlite:///.cache/ullage.db"
START_SECONDS_MAX = 300
COMMAND_SECONDS_MAX = 120

VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?\b"), "TIME"),
    (re.compile(r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b"), "TIME"),
    (re.compile(r"\breq-[0-9a-f-]{36}\b"), "REQUEST"),
)


@dataclass(frozen=True)
class Step:
    """A command of the README with the output shown under it, and where it stands."""

    line: int
    command: str
    output: str


@dataclass(frozen=True)
class Outcome:
    """What came of a step."""

    step: Step
    output: str

    @property
    def is_as_shown(self) -> bool:
        """Whether the output is what the README shows, but for times and request ids."""
        return bool(re.fullmatch(_pattern(self.step.output), normalised(self.output)))


def steps(text: str) -> list[Step]:
    """All commands of all console blocks, in order."""
    found: list[Step] = []
    command, line_number, is_inside, is_continued = "", 0, False, False
    output: list[str] = []
    for number, line in enumerate([*text.splitlines(), "```"], 1):
        if line.startswith("```"):
            is_inside = line.strip() == "```console"
        if not is_inside or line.startswith("```"):
            if command:
                found.append(Step(line_number, command, "\n".join(output)))
            command, output = "", []
        elif line.startswith("$ ") and not is_continued:
            if command:
                found.append(Step(line_number, command, "\n".join(output)))
            command, output, line_number = line[2:], [], number
        elif is_continued:
            command += "\n" + line
        else:
            output.append(line)
        is_continued = is_inside and not output and (command.endswith("\\") or command.count("'") % 2 == 1)
    return found


def normalised(text: str) -> str:
    """Without what differs from run to run, and without blanks at the ends of lines."""
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _pattern(shown: str) -> str:
    lines = [re.escape(line) for line in normalised(shown).splitlines()]
    return "\n".join(lines).replace(re.escape("..."), r"(?s:.*?)")


@dataclass(frozen=True)
class Place:
    """Where a service of its own is ("host:port"), and its database."""

    address: str
    database: str

    def here(self, text: str) -> str:
        """A text of the README, for this service."""
        return text.replace(SHOWN_ADDRESS, self.address).replace(SHOWN_DATABASE, self.database)

    def there(self, text: str) -> str:
        """The other way round."""
        return text.replace(self.address, SHOWN_ADDRESS).replace(self.database, SHOWN_DATABASE)


@contextlib.contextmanager
def service() -> Iterator[Place]:
    """What `make run` starts, on a free port and a new database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ullage-readme-") as folder, open(f"{folder}/log", "w+") as log:
        place = Place(f"127.0.0.1:{port}", f"sqlite:///{folder}/ullage.db")
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run", f"PORT={port}", f"DATABASE={place.database}"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ULLAGE"),
        )
        try:
            _wait(f"http://{place.address}/", process, Path(log.name))
            yield place
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _environment(*without: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(without)}


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"`make run` does not answer at {url}:\n{log.read_text()}")


def run(found: list[Step], place: Place) -> Iterator[Outcome]:
    """Run each step in the project's folder; what one exports, those after it see."""
    exports = ""
    for step in found:
        command = place.here(step.command)
        done = subprocess.run(
            ["bash", "-c", f"{exports}{command}"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            env=_environment("OS_", "ULLAGE"),
        )
        if command.startswith("export "):
            exports += command + "\n"
        yield Outcome(step, place.there(done.stdout))


def main() -> int:
    """Show every step and its output; 1 if one differs from what the README shows."""
    different = 0
    found = steps((ROOT / "README.md").read_text())
    with service() as place:
        print(f"A service of its own answers at http://{place.address}; the README's commands follow.\n", flush=True)
        for outcome in run(found, place):
            print(f"$ {outcome.step.command}\n{outcome.output}", flush=True)
            if not outcome.is_as_shown:
                different += 1
                print(f"^^^ README.md, line {outcome.step.line}, shows something else.\n", flush=True)
    print(f"{len(found)} commands, {different} unlike the README.", flush=True)
    return 1 if different or not found else 0


if __name__ == "__main__":
    sys.exit(main())
