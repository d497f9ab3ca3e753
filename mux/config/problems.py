"""What is wrong with a configuration, said so that it can be mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `path` is ``providers[0].type``, `place` where it was written: ``line 7``,
    an environment variable or a command line option. No secret is ever in it."""

    path: str
    message: str
    place: str = ""

    def __str__(self) -> str:
        where = f"{self.path} ({self.place})" if self.path and self.place else self.path
        return f"{where or self.place}: {self.message}" if where or self.place else self.message


class ConfigError(Exception):
    """The configuration cannot be used: `problems` are all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotYaml(ConfigError):
    """The file cannot be read at all."""
