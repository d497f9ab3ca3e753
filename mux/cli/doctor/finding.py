"""What an examination finds, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Grade(StrEnum):
    """How bad it is. Only a failure keeps something from working."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


class Finding(NamedTuple):
    """One of them: `area` is what was looked at, `about` which one, `advice` what to do."""

    area: str
    about: str
    grade: Grade
    message: str
    advice: str = ""


def told(area: str, about: str, grade: Grade, text: str, advice: str = "") -> Finding:
    """A finding in the words of an error, whose last clause says what to do."""
    message, _, clause = text.partition("; ")
    return Finding(area, about, grade, message, clause or advice)
