"""Losses: what a translation could not carry, said as data and never in silence."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

HEADER_LIMIT_BYTES: Final = 1024


class LossKind(StrEnum):
    """What was done about a feature the target lacks."""

    DROP = "drop"
    DEGRADE = "degrade"
    RISK = "risk"


class Loss(msgspec.Struct, frozen=True):
    """`what` is a code word such as ``temperature`` or ``tool_choice``; `detail` is for people."""

    kind: LossKind
    what: str
    detail: str = ""

    @property
    def code(self) -> str:
        """The form of the ``x-mux-warnings`` header: ``drop:temperature``."""
        return f"{self.kind}:{self.what}"


def header(losses: Iterable[Loss]) -> str:
    """The ``x-mux-warnings`` value: distinct codes in order of first appearance, at most 1 KB."""
    out = ""
    for code in dict.fromkeys(loss.code for loss in losses):
        longer = f"{out}, {code}" if out else code
        if len(longer) > HEADER_LIMIT_BYTES:
            break
        out = longer
    return out
