"""Changes to the configuration file: comments kept, whole or not at all, none ever lost.

A change is made on the file as it is at that moment, under a lock that other processes respect,
and checked as a restart would check it before anything is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from mux.config import _splice, files, masked_text
from mux.config._lock import locked
from mux.config.load import Loaded, parse
from mux.config.problems import ConfigError, NotYaml, Problem
from mux.config.settings import Settings
from mux.ir import JSON, Object

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

_NONE: Final[Mapping[str, object]] = MappingProxyType({})


def edit(
    path: Path,
    change: Callable[[CommentedMap], None],
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] = _NONE,
) -> Settings:
    """Let `change` alter what the file at `path` holds; returns the settings it then gives.

    A file that is not there is one without keys. `environ` and `overrides` are those of `load`.
    Raises `ConfigError` with all that is wrong, with the old file in place, and `OSError` if it
    cannot be written. Blocks for as long as another process edits it.
    """
    path = path.resolve()  # a link stays one
    with locked(path):
        text = _text(path)
        edited = _changed(text, change)
        loaded = parse(edited.encode(), path, environ, overrides)
        if edited != text:
            files.write(path, edited)
    return loaded.settings


def put(
    path: Path,
    text: str,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] = _NONE,
) -> Loaded:
    """Put `text` in place of what the file at `path` holds, if it is a configuration.

    Secrets that are masked in it stay as they are. Raises as `edit` does, and `NotYaml`.
    """
    path = path.resolve()
    with locked(path):
        with suppress(NotYaml):  # the old file is broken; nothing of it was ever shown
            text = masked_text.restore(text, masked_text.mask(_text(path))[1])
        loaded = parse(text.encode(errors="replace"), path, environ, overrides)
        files.write(path, text)
    return loaded


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        files.make_folder(path.parent)
        return ""
    except UnicodeError:
        raise NotYaml([Problem("", "not valid YAML: not readable as text")]) from None


def _changed(text: str, change: Callable[[CommentedMap], None]) -> str:
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import YAMLError

    yaml = _yaml()
    yaml.version = (1, 1)  # as the loader reads it
    try:
        root: object = yaml.load(text)  # pyright: ignore[reportUnknownMemberType]
    except YAMLError:
        parse(text.encode(), Path(), {}, _NONE)  # says what is wrong, and where
        raise NotYaml([Problem("", "not valid YAML")]) from None
    if root is None:
        root = CommentedMap()
    if not isinstance(root, CommentedMap):
        raise ConfigError([Problem("", "expected keys with values")])
    before = cast("Object", plain(root))
    change(root)
    try:
        after = cast("Object", plain(root))
        return text if after == before else _splice.splice(text, before, after)
    except _splice.Tangled:
        written = StringIO()
        _yaml().dump(root, written)  # pyright: ignore[reportUnknownMemberType]
        return written.getvalue()


def _yaml() -> YAML:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.allow_duplicate_keys = True  # they are told of with everything else that is wrong
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    return yaml


def plain(value: object) -> JSON:
    """`value` as JSON has it, without what ruamel remembers of how it was written."""
    if isinstance(value, dict):
        return {str(k): plain(member) for k, member in cast("dict[object, object]", value).items()}
    if isinstance(value, list):
        return [plain(item) for item in cast("list[object]", value)]
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)
