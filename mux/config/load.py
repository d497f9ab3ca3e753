"""The configuration in force: command line over environment over file over defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from yaml import MappingNode

from mux.config import _environment, _tree, files
from mux.config._reader import Reader
from mux.config.problems import ConfigError, Problem
from mux.config.provider import ProviderSettings
from mux.config.secret import Secret
from mux.config.settings import Settings

FILE_NAME: Final = "config.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, what was odd about them, and the file they were read from, if there was one."""

    settings: Settings
    warnings: tuple[Problem, ...] = ()
    path: Path | None = None


def config_folder(environ: Mapping[str, str]) -> Path:
    """Where the configuration is kept: ``$XDG_CONFIG_HOME/llm-mux``, else ``~/.config/llm-mux``."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / "llm-mux"
    home = environ.get("HOME", "")
    return (Path(home) if home else Path.home()) / ".config" / "llm-mux"


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]) -> Loaded:
    """The settings of the file at `path`, under `environ` and the command line's `overrides`.

    Without `path` the file in `config_folder`, which need not exist. `overrides` are top-level
    keys; None = not given. If nothing configures a provider, the usual variables do. Raises
    `ConfigError` with all that is wrong.
    """
    file = (path or config_folder(environ) / FILE_NAME).absolute()
    if path is None and not file.exists():
        return Loaded(*_settings(b"", Reader(environ), file.parent, overrides))
    reader = Reader(environ)
    data = _file(file, reader)
    return Loaded(*_settings(data, reader, file.parent, overrides), file)


def parse(
    data: bytes, path: Path, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Loaded:
    """What `load` would give if the file at `path` held `data`. Raises `ConfigError`."""
    path = path.absolute()
    return Loaded(*_settings(data, Reader(environ), path.parent, overrides), path)


def _settings(
    data: bytes, reader: Reader, folder: Path, overrides: Mapping[str, object]
) -> tuple[Settings, tuple[Problem, ...]]:
    environ = reader.environ
    root = _root(data) or _tree.mapping((), "")
    reader.warnings += _environment.lay_over(root, environ)
    for key, value in overrides.items():
        if value is not None:
            option = key.replace("_", "-")
            text = str(value).lower() if isinstance(value, bool) else str(value)
            _tree.lay_over(root, (option,), _tree.scalar(text, f"--{option}"))
    settings = reader.section(Settings, root) or Settings()
    if not settings.providers:
        settings = replace(settings, providers=_usual_providers(reader, environ, settings))
    if reader.problems:
        raise ConfigError(reader.problems, reader.warnings)
    return _filled(settings, folder), tuple(reader.warnings)


def _file(path: Path, reader: Reader) -> bytes:
    try:
        data = path.read_bytes()
        exposed = files.exposed(path)
    except OSError as error:
        raise ConfigError([Problem("", f"{path}: {error.strerror}")]) from None
    if exposed is not None:
        problem, fatal = exposed
        (reader.problems if fatal else reader.warnings).append(problem)
    return data


def _root(data: bytes) -> MappingNode | None:
    node = _tree.parse(data)
    if node is None or _tree.is_null(node):
        return None
    if not isinstance(node, MappingNode):
        raise ConfigError([Problem("", "expected keys with values", _tree.place(node))])
    return node


def _usual_providers(
    reader: Reader, environ: Mapping[str, str], settings: Settings
) -> tuple[ProviderSettings, ...]:
    node, warnings = _environment.providers(environ, settings)
    reader.warnings += warnings
    read = (reader.section(ProviderSettings, item, "providers") for item in node.value)
    return tuple(provider for provider in read if provider is not None)


def _filled(settings: Settings, folder: Path) -> Settings:
    """`settings` with what is kept beside the configuration, and its paths made absolute."""
    auth_dir = folder / (settings.auth_dir or "auth")
    usage = settings.usage
    if usage.dsn is None:
        usage = replace(usage, dsn=Secret(f"sqlite://{folder / 'usage.db'}"))
    tls = settings.tls
    if tls.cert is not None and tls.key is not None:
        tls = replace(tls, cert=folder / tls.cert, key=folder / tls.key)
    return replace(settings, auth_dir=auth_dir, usage=usage, tls=tls)
