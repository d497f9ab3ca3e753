"""Private files, and the management key in one of them."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mux.config import ConfigError, Secret, files, management_key
from mux.wire import json

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folders_are_the_owners_alone_whatever_the_umask(tmp_path: Path):
    before = os.umask(0)
    try:
        folder = tmp_path / "a" / "b"
        files.make_folder(folder)
        files.write(folder / "f", "text")
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert mode(folder / "f") == 0o600
    folder.chmod(0o755)
    files.make_folder(folder)
    assert mode(folder) == 0o700


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o644)
    files.write(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path):
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        files.write(path, "half \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_was_made_is_found_again(tmp_path: Path):
    key = management_key.make(tmp_path, NOW)
    assert len(key.reveal()) >= 43
    assert management_key.find(tmp_path, {}) == key
    assert json.load_object((tmp_path / "credentials.json").read_bytes()) == {
        "management-key": key.reveal(),
        "created-at": "2026-11-22T20:00:00+00:00",
        "version": 1,
    }
    assert mode(tmp_path / "credentials.json") == 0o600


def test_the_variable_goes_before_the_file(tmp_path: Path):
    management_key.make(tmp_path, NOW)
    found = management_key.find(tmp_path, {"LLM_MUX_MANAGEMENT_KEY": "mine"})
    assert found == Secret("mine")


def test_without_either_there_is_no_key(tmp_path: Path):
    assert management_key.find(tmp_path, {}) is None


def test_a_key_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path):
    (tmp_path / "credentials.json").mkdir()
    with pytest.raises(ConfigError, match=r"credentials\.json: Is a directory"):
        management_key.find(tmp_path, {})


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"management-key": ""}'])
def test_a_file_that_is_no_key_file_is_said_to_be_none(tmp_path: Path, text: str):
    (tmp_path / "credentials.json").write_text(text)
    with pytest.raises(ConfigError, match="holds no management-key"):
        management_key.find(tmp_path, {})
