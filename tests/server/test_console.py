"""The log on the console never holds up the server, and tells what it lost."""

from __future__ import annotations

import logging
import os
import threading

from mux.server import console
from mux.server.console import Console

_SECONDS = 20


def record(message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message})


def test_lines_are_written_in_order_and_all_of_them():
    reading, writing = os.pipe()
    with open(reading) as reader, open(writing, "w") as stream:
        handler = Console(stream)
        handler.handle(record("before"))
        with handler.behind():
            for number in range(100):
                handler.handle(record(f"line {number}"))
        handler.handle(record("after"))
        stream.close()
        lines = reader.read().splitlines()
    assert lines == ["before", *(f"line {number}" for number in range(100)), "after"]


def test_a_line_shows_without_another_to_follow_it():
    reading, writing = os.pipe()
    with open(reading) as reader, open(writing, "w") as stream:
        handler = Console(stream)
        with handler.behind():
            for number in range(3):
                handler.handle(record(f"line {number}"))
                assert reader.readline() == f"line {number}\n"


def test_who_does_not_read_holds_up_nobody_and_is_told_of_what_is_lost(monkeypatch):
    monkeypatch.setattr(console, "_MOST_WAITING", 100)
    reading, writing = os.pipe()
    told = threading.Event()
    lines: list[str] = []

    def read() -> None:
        with open(reading) as reader:
            for line in reader:
                lines.append(line)
                if "lines were lost" in line:
                    told.set()

    with open(writing, "w") as stream:
        handler = Console(stream)
        with handler.behind():
            for number in range(5000):  # far more than a pipe holds
                handler.handle(record(f"{number} {'x' * 1000}"))
            reader = threading.Thread(target=read)
            reader.start()
            assert told.wait(_SECONDS)
        stream.close()
        reader.join(_SECONDS)
    lost = [int(line.split()[0]) for line in lines if "lines were lost" in line]
    assert sum(lost) == 5000 - (len(lines) - len(lost))


def test_a_console_that_is_gone_is_no_trouble():
    with open(os.devnull, "w") as stream:
        pass
    handler = Console(stream)
    with handler.behind():
        handler.handle(record("to nobody"))


def test_what_cannot_be_written_is_told_and_the_rest_follows():
    reading, writing = os.pipe()
    with open(reading) as reader, open(writing, "w") as stream:
        handler = Console(stream)
        with handler.behind():
            handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("x",), "name": "mux"}))
            handler.handle(record("after"))
        stream.close()
        assert reader.read() == "a line of mux cannot be written: '%d'\nafter\n"


def test_a_line_is_written_as_the_settings_of_its_time_say():
    reading, writing = os.pipe()
    with open(reading) as reader, open(writing, "w") as stream:
        handler = Console(stream)
        with handler.behind():
            handler.setFormatter(logging.Formatter("old %(message)s"))
            handler.handle(record("one"))
            handler.setFormatter(logging.Formatter("new %(message)s"))
            handler.handle(record("two"))
        stream.close()
        assert reader.read() == "old one\nnew two\n"
