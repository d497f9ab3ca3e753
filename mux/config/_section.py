"""What every section of the configuration is: named values, and what must hold between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from mux.ir import Abilities


class FieldsOf(NamedTuple):
    """Marks a mapping whose keys are fields of `struct`, any of them and only with their types.

    `beside`: in the file they stand among the keys of the section itself.
    """

    struct: type[msgspec.Struct]
    beside: bool = False


Overrides: TypeAlias = Annotated[Mapping[str, object], FieldsOf(Abilities)]
"""What is known better than the catalogue knows it, by field name of `ir.Abilities`."""


class Remark(NamedTuple):
    """Something about `key` that a reader must know: a mistake, or only a warning."""

    key: str
    message: str
    warning: bool = False


class Section(msgspec.Struct, frozen=True, rename="kebab"):
    """A mapping of the file."""

    def remarks(self) -> Iterator[Remark]:
        """What is wrong or odd about these values together."""
        return iter(())
