"""What environment variables say: ``LLM_MUX_<KEY>`` settings, and the keys people have anyway."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple, cast, get_origin
from urllib.parse import urlsplit

from msgspec.structs import fields
from yaml import MappingNode, Node, SequenceNode

from mux.config import _tree, management_key
from mux.config._section import Section
from mux.config.problems import Problem
from mux.config.settings import Settings
from mux.config.values import HttpUrl

PREFIX: Final = "LLM_MUX_"
_KUBERNETES: Final = re.compile(r"LLM_MUX_(SERVICE_\w+|PORT_\d+_\w+)=.*|LLM_MUX_PORT=\w+://.*")
"""What Kubernetes sets in every container beside a service of the name llm-mux."""

_NO_SETTINGS: Final = frozenset({management_key.VARIABLE, "LLM_MUX_CLIENT_KEY"})
"""The key to manage with, and the one that ``llm-mux top`` sends to another server."""

_OLLAMA_PORT: Final = 11434

_USUAL: Final = (
    ("openai", ("OPENAI_API_KEY",), "OPENAI_BASE_URL"),
    ("anthropic", ("ANTHROPIC_API_KEY",), ""),
    ("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), ""),
    ("ollama", (), "OLLAMA_HOST"),
)
"""Type, the variables that may hold its key, the one that holds its address."""


class _Variable(NamedTuple):
    """The keys that lead to a setting, and its type."""

    keys: tuple[str, ...]
    kind: object


def lay_over(root: MappingNode, environ: Mapping[str, str]) -> list[Problem]:
    """Put the settings of `environ` over those in `root`; returns the warnings.

    Lists are written with commas, ``LLM_MUX_API_KEYS=a,b``, and everything deeper as YAML on one
    line. An empty variable says nothing. Raises `ConfigError` for one that is not YAML.
    """
    known = dict(_variables())
    warnings: list[Problem] = []
    for name, value in sorted(environ.items()):
        ours = name.startswith(PREFIX) and name not in _NO_SETTINGS
        if not ours or _KUBERNETES.fullmatch(f"{name}={value}"):
            continue
        variable = known.get(name)
        if variable is None:
            near = get_close_matches(name, list(known), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            warnings.append(Problem("", f"unknown variable{hint}", name))
        elif value and (node := _node(variable.kind, value, name)) is not None:
            _tree.lay_over(root, variable.keys, node)
    return warnings


def _variables() -> Iterator[tuple[str, _Variable]]:
    yield f"{PREFIX}ALLOW_REMOTE", _Variable(("remote-management", "allow-remote"), bool)
    for field in fields(Settings):
        name, kind = f"{PREFIX}{field.name.upper()}", cast("object", field.type)
        if isinstance(kind, type) and issubclass(kind, Section):
            for inner in fields(kind):
                keys = (field.encode_name, inner.encode_name)
                yield f"{name}_{inner.name.upper()}", _Variable(keys, inner.type)
        else:
            yield name, _Variable((field.encode_name,), kind)


def _node(kind: object, value: str, origin: str) -> Node | None:
    if get_origin(kind) is tuple and not value.startswith("["):
        texts = filter(None, map(str.strip, value.split(",")))
        return _tree.sequence([_tree.scalar(text, origin) for text in texts], origin)
    if get_origin(kind) in (tuple, Mapping):
        return _tree.parse(value, origin)
    return _tree.scalar(value, origin)


# -- providers nobody configured ------------------------------------------------------------------


def providers(environ: Mapping[str, str], settings: Settings) -> tuple[SequenceNode, list[Problem]]:
    """Providers for the keys found in `environ`, as the file would list them, and warnings.

    An address that leads back to us was exported for a client, and is left out.
    """
    addresses = {"OPENAI_BASE_URL": environ.get("OPENAI_BASE_URL", "").strip()}
    if host := environ.get("OLLAMA_HOST", "").strip():
        addresses["OLLAMA_HOST"] = _ollama(host)
    warnings: list[Problem] = []
    for variable, address in addresses.items():
        if _leads_back(address, settings):
            addresses[variable] = ""
            warnings.append(Problem("", "points at llm-mux itself and is ignored", variable))
    found: list[Node] = []
    for kind, key_variables, address_variable in _USUAL:
        key = next((name for name in key_variables if environ.get(name)), "")
        address = addresses.get(address_variable, "")
        if not key and (key_variables or not address):
            continue
        members = [("type", _tree.scalar(kind, key or address_variable))]
        if key:
            members.append(("api-key", _tree.scalar(environ[key], key)))
        if address:
            members.append(("base-url", _tree.scalar(address, address_variable)))
        found.append(_tree.mapping(members, key or address_variable))
    return _tree.sequence(found, "environment"), warnings


def _leads_back(address: str, settings: Settings) -> bool:
    try:
        return settings.is_self(HttpUrl.parse(address))
    except ValueError:
        return False  # told of when it is read


def _ollama(host: str) -> str:
    """The address in ``OLLAMA_HOST``, which may be a name, a port, or where a server listens."""
    if "://" in host:
        return host
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port or _OLLAMA_PORT
    except ValueError:  # told of when it is read
        return f"http://{host}"
    name = parts.hostname or "127.0.0.1"
    if name in ("0.0.0.0", "::"):
        name = "127.0.0.1"
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"
