"""Log lines and who writes them."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import time

from ullage import logs


def a_record(text: str, created: float = 1_700_000_000.25) -> logging.LogRecord:
    record = logging.LogRecord("ullage.x", logging.INFO, "", 0, "%s", (text,), None)
    record.created, record.msecs = created, created % 1 * 1000
    return record


def test_a_line_has_time_level_and_name() -> None:
    formatter = logs.Formatter()
    assert formatter.format(a_record("a")) == "2023-11-14T22:13:20.250Z INFO ullage.x a"
    assert formatter.format(a_record("b", 1_700_000_001.0)) == "2023-11-14T22:13:21.000Z INFO ullage.x b"


def test_an_exception_is_shown_below_its_line() -> None:
    record = a_record("a")
    try:
        raise ValueError("no")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    first, *_, last = logs.Formatter().format(record).split("\n")
    assert first.endswith(" a")
    assert last == "  ValueError: no"


def test_the_writer_loses_no_line_of_many_threads_and_mixes_none() -> None:
    stream = io.StringIO()
    handler = logs.WriterHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))

    def write(number: int) -> None:
        for count in range(200):
            handler.handle(a_record(f"{number}:{count}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.flush()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 8 * 200
    for number in range(8):
        assert [line for line in lines if line.startswith(f"{number}:")] == [f"{number}:{c}" for c in range(200)]


def test_a_line_that_comes_while_others_are_written_is_written_too() -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if not self.getvalue():
                handler.handle(a_record("second"))
            return super().write(text)

    stream = Interrupted()
    handler = logs.WriterHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.handle(a_record("first"))
    handler.flush()
    assert stream.getvalue() == "first\nsecond\n"


def test_lines_that_come_close_together_are_written_together() -> None:
    class Counting(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    stream = Counting()
    handler = logs.WriterHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for number in range(100):
        handler.handle(a_record(f"{number}"))
        time.sleep(0)  # lets the writer run if it wants to
    handler.flush()
    assert stream.getvalue().count("\n") == 100
    assert stream.writes < 20


def test_a_reader_that_goes_away_stops_nobody() -> None:
    stream = io.StringIO()
    handler = logs.WriterHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    stream.close()
    for text in ("a", "b"):
        handler.handle(a_record(text))
        handler.flush()


def test_the_level_decides_what_is_logged() -> None:
    logger = logging.getLogger("ullage")
    handlers, level, propagates = logger.handlers, logger.level, logger.propagate
    stream = io.StringIO()
    try:
        logs.configure("warning", logging.StreamHandler(stream))
        logging.getLogger("ullage.request").info("no")
        logging.getLogger("ullage.request").warning("yes")
    finally:
        logger.handlers, logger.propagate = handlers, propagates
        logger.setLevel(level)
    assert re.fullmatch(r"\S+ WARNING ullage\.request yes\n", stream.getvalue())


def test_a_record_of_the_audit_trail_stays_the_json_that_it_was() -> None:
    told = {"entries": [{"user": "token: mine", "name": "a\u202eb\nc", "after": {"secret": "is its name"}}]}
    line = formatted("ullage.audit", json.dumps(told, ensure_ascii=False))
    assert "\n" not in line
    assert "\u202e" not in line
    assert json.loads(line.partition("ullage.audit ")[2]) == told


def formatted(name: str, message: str) -> str:
    return logs.Formatter().format(logging.LogRecord(name, logging.INFO, "", 0, message, None, None))
