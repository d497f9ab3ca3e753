"""Every case has its tests, every test named after a case its case, and the page is not stale."""

from __future__ import annotations

from tests.conformance import TESTS, cases, files_of_cases, where

CASES = cases()
FILES = files_of_cases()


def test_every_case_that_applies_has_a_test_of_its_name():
    assert not [case.id for case in CASES if not case.not_applicable and case.id not in FILES]


def test_no_test_is_named_after_a_case_nobody_knows():
    assert FILES.keys() <= {case.id for case in CASES}


def test_a_case_that_does_not_apply_has_no_test():
    assert not [case.id for case in CASES if case.not_applicable and case.id in FILES]


def test_titles_are_short():
    assert not [case.title for case in CASES if not 3 <= len(case.title.split()) <= 12]


def test_the_page_lists_every_case_and_its_files():
    page = (TESTS.parent / "docs" / "conformance.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("|")]
    assert [(row[1].strip(), row[2].strip(), row[-2].strip()) for row in rows[2:]] == [
        (case.id, case.title, where(FILES.get(case.id, ()))) for case in CASES
    ]
