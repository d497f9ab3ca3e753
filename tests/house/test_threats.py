"""Every threat that the documentation names has tests of its name."""

from __future__ import annotations

import re

from tests.conftest import ROOT

_NAME = re.compile(r"def test_((?:T\d+_)+)")


def test_every_threat_has_tests_of_its_name_and_every_such_test_its_threat():
    named: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for names in _NAME.findall(path.read_text(encoding="utf-8")):
            named.update(names.strip("_").split("_"))
    page = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    assert named == set(re.findall(r"^\| (T\d+) \|", page, re.MULTILINE))
