"""Where a configuration comes from, so that it can be read again and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mux.config.edit import edit, put
from mux.config.load import FILE_NAME, Loaded, config_folder, load
from mux.config.settings import Settings

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap


@dataclass(frozen=True, slots=True)
class Source:
    """A file, the environment and the command line. `given`: the file the user named, if any."""

    given: Path | None
    environ: Mapping[str, str] = field(repr=False)
    overrides: Mapping[str, object]

    @property
    def path(self) -> Path:
        """The file, which need not exist unless it was named."""
        return (self.given or config_folder(self.environ) / FILE_NAME).absolute()

    @property
    def home(self) -> Path:
        """The folder of what belongs to the user rather than to one file."""
        return config_folder(self.environ)

    def load(self) -> Loaded:
        """The configuration as it is now. Raises `ConfigError`."""
        return load(self.given, self.environ, self.overrides)

    def edit(self, change: Callable[[CommentedMap], None]) -> Settings:
        """See `edit`."""
        return edit(self.path, change, self.environ, self.overrides)

    def put(self, text: str) -> Loaded:
        """See `put`."""
        return put(self.path, text, self.environ, self.overrides)
