"""The README's first five minutes, command by command, against what `make run` starts."""

from __future__ import annotations

import readme

README = readme.ROOT / "README.md"


def test_every_command_of_the_readme_prints_what_the_readme_shows() -> None:
    steps = readme.steps(README.read_text())
    assert len(steps) >= 10
    assert any(".venv-clients/bin/openstack" in step.command for step in steps)
    with readme.service() as place:
        outcomes = list(readme.run(steps, place))
    different = [
        f"line {each.step.line}: {each.step.command}\n{each.output}" for each in outcomes if not each.is_as_shown
    ]
    assert not different, "\n\n".join(different)


def test_sessions_are_read_as_they_are_shown() -> None:
    text = "```console\n$ one \\\n  two\nout\n\nmore\n$ three '\n$ four'\nout\n$ five\n```\n```\n$ not this\n```\n"
    assert [(step.line, step.command, step.output) for step in readme.steps(text)] == [
        (2, "one \\\n  two", "out\n\nmore"),
        (7, "three '\n$ four'", "out"),
        (10, "five", ""),
    ]


def test_outputs_are_compared_but_for_times_and_omissions() -> None:
    step = readme.Step(1, "x", "a 2026-01-01T00:00:00Z\n...\nz")
    assert readme.Outcome(step, "a 2027-02-02T01:01:01Z\nb\nc\nz\n").is_as_shown
    assert not readme.Outcome(step, "a 2027-02-02T01:01:01Z\nb\nc\n").is_as_shown
