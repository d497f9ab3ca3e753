"""The log file: one object a line, whatever is in it, and never more than its share of the disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from mux.config import Settings
from mux.config.settings import LogFormat
from mux.ir import JSON, Object
from mux.server.log_file import Background, LogFile
from mux.server.logs import JsonLines, ServerLog
from mux.wire import json


def record(message: str, **more: object) -> logging.LogRecord:
    fields = {"name": "mux", "msg": message, "levelname": "INFO", "levelno": logging.INFO}
    return logging.makeLogRecord({**fields, **more})


class Said(str):
    """A message with fields."""

    fields: Object

    def __new__(cls, text: str, **fields: JSON) -> Self:
        said = super().__new__(cls, text)
        said.fields = fields
        return said


def test_a_record_is_one_line_whatever_it_holds():
    line = JsonLines().format(record(Said('a "b"\n{c}\x1b\u2028', path="/x\ny")))
    assert "\n" not in line
    told = json.loads(line)
    assert (told["message"], told["path"]) == ('a "b"\n{c}\x1b\u2028', "/x\ny")


def test_what_is_no_text_is_told_all_the_same():
    line = JsonLines().format(record(Said("a \ud83d b", path="\udcff")))
    assert json.loads(line)["path"] == "\\udcff"


def test_a_full_file_makes_room_and_the_oldest_goes(tmp_path: Path):
    handler = LogFile(tmp_path / "logs" / "main.log")
    handler.setFormatter(JsonLines())
    handler.maxBytes = 300
    for number in range(100):
        handler.handle(record(f"line {number}"))
    handler.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert [path.name for path in files] == ["main.log", *(f"main.log.{n}" for n in range(1, 6))]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert all(path.stat().st_size <= 300 for path in files)
    assert "line 99" in files[0].read_text()


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[LogFile]:
    handler = LogFile(tmp_path / "main.log")
    handler.setFormatter(JsonLines())
    yield handler
    handler.close()


def test_another_process_may_rotate_it_too(tmp_path: Path, log_file: LogFile):
    path = tmp_path / "main.log"
    log_file.handle(record("before"))
    path.rename(tmp_path / "main.log.1")
    log_file.handle(record("after"))
    assert "after" in path.read_text()
    path.unlink()
    log_file.handle(record("again"))
    assert "again" in path.read_text()
    assert "before" in (tmp_path / "main.log.1").read_text()


def test_a_full_disk_costs_lines_and_is_told_of_once(
    tmp_path: Path, log_file: LogFile, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "main.log"
    path.unlink()
    path.symlink_to("/dev/full")
    for number in range(5):
        log_file.handle(record(f"line {number}"))
    (warning,) = caplog.records
    assert "the log file cannot be written: [Errno 28]" in warning.message
    path.unlink()
    log_file.handle(record("there is room again"))
    assert "there is room again" in path.read_text()


class Slow(logging.Handler):
    """Writes nothing before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.may.wait(60)
        self.lines.append(record.getMessage())


def test_nobody_waits_for_the_disk_and_what_it_cannot_take_is_counted(caplog):
    slow = Slow()
    background = Background(slow)
    for number in range(10_100):
        background.handle(record("line %d", args=(number,)))
    slow.may.set()
    background.close()
    assert slow.lines[:2] == ["line 0", "line 1"]
    assert 10_000 <= len(slow.lines) <= 10_001  # the thread may have taken one already
    (warning,) = [told for told in caplog.records if told.levelno == logging.WARNING]
    assert "cannot keep up" in warning.message


def test_a_crash_is_told_of_with_its_trace_by_the_thread_too(tmp_path: Path, log_file: LogFile):
    background = Background(log_file)
    try:
        raise ValueError("the reason")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
        background.handle(record(Said("it failed", n=1), exc_info=trace))
    background.close()
    told = json.loads((tmp_path / "main.log").read_text())
    assert "Traceback" in told["message"]
    assert "ValueError: the reason" in told["message"]
    assert told["n"] == 1


def test_the_log_follows_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = logging.Logger("root of the test")
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "setLevel", lambda *_: None)  # mux's own stays
    log = ServerLog()
    ((console,), path) = (root.handlers, tmp_path / "logs" / "main.log")
    log.apply(Settings(), tmp_path / "logs")
    assert "INFO mux hello" in console.format(record("hello"))
    assert not path.parent.exists()
    log.apply(Settings(log_format=LogFormat.JSON, logging_to_file=True), tmp_path / "logs")
    assert json.loads(console.format(record("hello")))["message"] == "hello"
    root.handle(record("to both"))
    log.apply(Settings(), tmp_path / "logs")
    assert "to both" in path.read_text()
    assert root.handlers == [console]
