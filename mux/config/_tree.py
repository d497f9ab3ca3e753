"""YAML as nodes that know where they were written, and the laying of one source over another.

Environment variables and command line options become nodes of the same tree, so that whatever is
wrong with a value is found by the same reader and told with the place it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import cast

from yaml import (
    MappingNode,
    Mark,
    MarkedYAMLError,
    Node,
    SafeLoader,
    ScalarNode,
    SequenceNode,
    safe_load,
)
from yaml import YAMLError as _YamlError
from yaml.constructor import SafeConstructor

from mux.config.problems import NotYaml, Problem

_STRING = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null"))
_QUOTED = re.compile(r"'[^']{4,}'")


def parse(text: str | bytes, origin: str = "") -> Node | None:
    """The one document in `text`, None if it holds nothing. Raises `NotYaml`.

    `origin` names a source that is not the file. A message never quotes the text.
    """
    try:
        loader = SafeLoader(text)
        loader.name = origin
        return loader.get_single_node()
    except MarkedYAMLError as error:
        message = _QUOTED.sub("'…'", error.problem or "cannot be read")
        place = _place_of(error.problem_mark) if error.problem_mark else origin
        raise NotYaml([Problem("", f"not valid YAML: {message}", place)]) from None
    except (_YamlError, UnicodeError, RecursionError):
        raise NotYaml([Problem("", "not valid YAML: not readable as text", origin)]) from None


def place(node: Node) -> str:
    """Where `node` was written: ``line 7``, or the name of its source."""
    return _place_of(node.start_mark)


def _place_of(mark: Mark) -> str:
    return mark.name or f"line {mark.line + 1}"


def scalar(text: str, origin: str) -> ScalarNode:
    """A text that did not come from YAML."""
    mark = Mark(origin, 0, 0, 0, None, 0)
    return ScalarNode(_STRING, text, mark, mark)


def sequence(items: Iterable[Node], origin: str) -> SequenceNode:
    """A list that did not come from YAML."""
    mark = Mark(origin, 0, 0, 0, None, 0)
    return SequenceNode("", list(items), mark, mark)


def mapping(pairs: Iterable[tuple[str, Node]], origin: str) -> MappingNode:
    """A mapping that did not come from YAML."""
    mark = Mark(origin, 0, 0, 0, None, 0)
    return MappingNode("", [(scalar(key, origin), node) for key, node in pairs], mark, mark)


def lay_over(root: MappingNode, keys: tuple[str, ...], node: Node) -> None:
    """Put `node` where `keys` lead below `root`, in place of what is there."""
    key, *below = keys
    at = next((i for i, (name, _) in enumerate(root.value) if name.value == key), None)
    if below:
        inner = root.value[at][1] if at is not None else None
        if not isinstance(inner, MappingNode):
            inner = mapping((), place(node))
        lay_over(inner, tuple(below), node)
        node = inner
    pair = (scalar(key, place(node)), node)
    if at is None:
        root.value.append(pair)
    else:
        root.value[at] = pair


def is_null(node: Node) -> bool:
    """Whether `node` says nothing: ``null``, ``~`` or an empty place."""
    return isinstance(node, ScalarNode) and node.tag == _NULL


def members(node: MappingNode) -> Iterator[tuple[str, Node]]:
    """The members of `node`, merge keys (``<<``) resolved. Raises `ValueError`."""
    try:
        SafeConstructor().flatten_mapping(node)
    except (MarkedYAMLError, RecursionError):
        raise ValueError("what << names cannot be merged") from None
    for key, member in node.value:
        if not isinstance(key, ScalarNode):
            raise ValueError("a key must be a single word")
        yield key.value, member


def plain(node: Node) -> object:
    """Any value, as JSON has them. Raises `ValueError`."""
    try:
        return _plain(node)
    except (MarkedYAMLError, RecursionError):
        raise ValueError("not a plain value") from None


def _plain(node: Node) -> object:
    if isinstance(node, MappingNode):
        return {key: _plain(member) for key, member in members(node)}
    if isinstance(node, SequenceNode):
        return [_plain(item) for item in node.value]
    if node.tag in _PLAIN:
        return cast("object", safe_load(node.value))
    return node.value  # dates too: JSON has none
