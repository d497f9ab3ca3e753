from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bench import __main__ as command
from bench import results as files
from tests.bench.made import results, whole

FOUND = results(whole("llm-mux", 4000, 250.0), whole("litellm", 100, 10_000.0))


def test_a_run_is_written_as_table_json_and_plots(tmp_path: Path):
    command.write(FOUND, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"results.json", "report.md", "requests-passed.svg", "cpu-request.svg"}
    assert files.load(tmp_path / "out" / "results.json") == FOUND


def test_publishing_replaces_the_figures_and_keeps_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = tmp_path / "performance.md"
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "BASELINE", tmp_path / "baseline.json")
    words = f"# Words\n\n## Figures\n\n{command.BEGIN}"
    page.write_text(f"{words}\n\nold figures\n", encoding="utf-8")
    files.save(FOUND, tmp_path / "results.json")
    done = CliRunner().invoke(command.main, ["publish", str(tmp_path / "results.json")])
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert text.startswith(words)
    assert "old figures" not in text
    assert "| litellm |" in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (tmp_path / line.partition("(")[2].rstrip(")")).is_file()
    assert files.load(tmp_path / "baseline.json") == FOUND


def test_what_an_unfinished_run_lacks_is_said_when_it_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = tmp_path / "performance.md"
    page.write_text(command.BEGIN, encoding="utf-8")
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "BASELINE", tmp_path / "baseline.json")
    stopped = msgspec.structs.replace(FOUND, pending=("memory llm-mux",))
    files.save(stopped, tmp_path / "results.json")
    done = CliRunner().invoke(command.main, ["publish", str(tmp_path / "results.json")])
    assert done.exit_code == 0
    assert "not measured: memory llm-mux." in done.output
    assert "not measured: memory llm-mux." in page.read_text(encoding="utf-8")


def test_the_page_of_this_checkout_has_the_place_for_figures():
    assert command.PAGE.read_text(encoding="utf-8").count(command.BEGIN) == 1


def test_showing_a_file_prints_its_report(tmp_path: Path):
    files.save(FOUND, tmp_path / "results.json")
    done = CliRunner().invoke(command.main, ["show", str(tmp_path / "results.json")])
    assert done.exit_code == 0
    assert "### Goals" in done.output


def test_a_commit_that_is_not_there_is_said():
    done = CliRunner().invoke(command.main, ["regressions", "--against", "no-such-commit"])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
