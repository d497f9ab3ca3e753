"""The log file: one object a line, whatever is in it, and never more than its share of the disk."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from mux.server.logs import JsonLines, LogFile
from mux.wire import json


def record(message: str, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "mux", "msg": message, "levelname": "INFO", **more})


def test_a_record_is_one_line_whatever_it_holds():
    line = JsonLines().format(record('a "b"\n{c}\x1b\u2028', fields={"path": "/x\ny"}))
    assert "\n" not in line
    told = json.loads(line)
    assert (told["message"], told["path"]) == ('a "b"\n{c}\x1b\u2028', "/x\ny")


def test_what_is_no_text_is_told_all_the_same():
    line = JsonLines().format(record("a \ud83d b", fields={"path": "\udcff"}))
    assert json.loads(line)["path"] == "\\udcff"


def test_a_full_disk_is_told_once_and_without_what_was_to_be_written(tmp_path: Path, caplog):
    path = tmp_path / "main.log"
    path.symlink_to("/dev/full")
    handler = LogFile(path)
    handler.setFormatter(JsonLines())
    logging.getLogger("mux").addHandler(handler)
    try:
        for _ in range(100):
            logging.getLogger("mux.access").warning("GET /%s", "secret")
    finally:
        logging.getLogger("mux").removeHandler(handler)
        with suppress(OSError):
            handler.close()
    told = [record.getMessage() for record in caplog.records if record.name == "mux.server"]
    assert len(told) == 1
    assert "No space left" in told[0]
    assert "secret" not in told[0]


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
