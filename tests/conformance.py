"""The table of cases: a pytest plugin that writes what became of every test named after a case.

A test belongs to the cases its name begins with: `test_F07_…`, `test_P172_P173_…`.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
NAME = re.compile(r"test_((?:(?:F\d\d[ab]?|P\d+)_)+)")
HEAD = """# Conformance

Known defects of gateways like this one, each with the tests named after it. The cases are in
[tests/cases.toml](../tests/cases.toml): F are defects that users reported, P are pitfalls of the
dialects. `make conformance` runs the tests and writes this page.

"""


@dataclass(frozen=True)
class Case:
    """One defect that must not be ours; `not_applicable` says why it cannot be."""

    id: str
    title: str
    not_applicable: str = ""


@dataclass
class Row:
    """What became of the tests of one case."""

    outcomes: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def add(self, report: pytest.TestReport) -> None:
        """Count one phase of one test; whatever is not passed in any phase decides."""
        self.files.add(report.nodeid.partition("::")[0])
        outcome = "failed" if hasattr(report, "wasxfail") else report.outcome
        if outcome != "passed" or report.when == "call":
            known = self.outcomes.get(report.nodeid)
            self.outcomes[report.nodeid] = "failed" if known == "failed" else outcome

    def result(self, case: Case) -> str:
        """One failure fails a case; a case is skipped only if all of its tests were."""
        if case.not_applicable:
            return f"does not apply: {case.not_applicable}"
        seen = set(self.outcomes.values())
        return next((word for word in ("failed", "passed", "skipped") if word in seen), "no test")


def cases() -> list[Case]:
    """All cases, in order."""
    with (TESTS / "cases.toml").open("rb") as file:
        return [Case(id, **fields) for id, fields in tomllib.load(file).items()]


def cases_of(test_name: str) -> list[str]:
    """The cases that a test's name begins with."""
    match = NAME.match(test_name)
    return match[1].strip("_").split("_") if match else []


def files_of_cases() -> dict[str, set[str]]:
    """For each case the files, from the root of the repository, that define tests of its name."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for case in cases_of(node.name):
                    found.setdefault(case, set()).add(path.relative_to(TESTS.parent).as_posix())
    return found


def where(files: Iterable[str]) -> str:
    """Links to `files`, as the page has them."""
    return ", ".join(f"[{file.removeprefix('tests/')}](../{file})" for file in sorted(files))


def page(rows: dict[str, Row]) -> str:
    """The whole page: the sums, then a line for every case."""
    lines, sums = [], Counter[str]()
    for case in cases():
        row = rows.get(case.id, Row())
        result = row.result(case)
        sums[result.partition(":")[0]] += 1
        count = str(len(row.outcomes) or "")
        lines.append(f"| {case.id} | {case.title} | {result} | {count} | {where(row.files)} |")
    total = ", ".join(f"{count} {word}" for word, count in sums.most_common())
    table = "| Case | What holds | Result | Tests | Where |\n| --- | --- | --- | ---: | --- |\n"
    return f"{HEAD}{len(lines)} cases: {total}.\n\n{table}" + "\n".join(lines) + "\n"


class Recorder:
    """Runs only the tests of cases, and writes the page at the end."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.rows: dict[str, Row] = {}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        others = [item for item in items if not cases_of(item.name)]
        items[:] = [item for item in items if cases_of(item.name)]
        config.hook.pytest_deselected(items=others)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test_name = report.nodeid.partition("[")[0].rpartition("::")[2]
        for case in cases_of(test_name):
            self.rows.setdefault(case, Row()).add(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):
            self.target.write_text(page(self.rows), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance",
        metavar="FILE",
        type=Path,
        help="run the tests named after cases, and write the table of cases to FILE",
    )


def pytest_configure(config: pytest.Config) -> None:
    if target := config.getoption("--conformance"):
        config.pluginmanager.register(Recorder(target), "conformance")
