"""Nodes to settings, led by the types of the settings: everything wrong is found in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Final, NamedTuple, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from mux.config import _leaves, _tree
from mux.config._section import FieldsOf, Section
from mux.config.problems import Problem
from mux.config.secret import Secret

_S = TypeVar("_S", bound=Section)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Target(NamedTuple):
    """Where a key of a section goes: a field of it, or one of the overrides it holds."""

    field: FieldInfo
    override: FieldInfo | None = None


class Reader:
    """Reads one tree. `problems` and `warnings` grow as it goes; it never stops at the first.

    ``${NAME}`` in a secret stands for the variable of that name in `environ`. What cannot be read
    is `msgspec.UNSET` in between and left out of the result.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.environ = environ

    def section(self, kind: type[_S], node: Node, path: str = "") -> _S | None:
        """The section in `node`; None if what it must have is missing.

        A plain value where a mapping is expected stands for the one key the section must have.
        """
        needed = [field for field in fields(kind) if field.required]
        if isinstance(node, ScalarNode) and len(needed) == 1:
            node = _tree.mapping([(needed[0].encode_name, node)], _tree.place(node))
        targets = dict(_targets(kind))
        values: dict[str, object] = {}
        overrides: dict[str, object] = {}
        places: dict[str, Node] = {}
        for key, member in self._members(node, path, targets):
            field, override = targets[key]
            places[key] = member
            value = self.read((override or field).type, member, _join(path, key))
            if value is msgspec.UNSET:
                continue
            if override is None:
                values[field.name] = value
            else:
                overrides[override.name] = value
                values[field.name] = overrides
        missing = [field.encode_name for field in needed if field.name not in values]
        for key in missing:
            if not self._is_bad(_join(path, key)):
                self._wrong(_join(path, key), "is required", node)
        if missing:
            return None
        built = kind(**values)
        self._remark(built, path, node, places)
        return built

    def read(self, kind: object, node: Node, path: str) -> object:
        """The value of type `kind` in `node`; `UNSET` if there is none or it is wrong."""
        kind, optional = _without_none(kind)
        if _tree.is_null(node):
            return None if optional else msgspec.UNSET
        base, *marks = get_args(kind) if get_origin(kind) is Annotated else (kind,)
        for mark in marks:
            if isinstance(mark, FieldsOf):
                return self._overrides(mark.struct, node, path)
        if isinstance(base, type) and issubclass(base, Section):
            return self.section(base, node, path) or msgspec.UNSET
        if get_origin(base) is tuple:
            return self._tuple(get_args(base), node, path)
        if get_origin(base) is Mapping:
            return self._mapping(get_args(base)[1], node, path)
        return self._leaf(kind, node, path)

    # -- what holds others ----------------------------------------------------------------------

    def _overrides(self, struct: type[msgspec.Struct], node: Node, path: str) -> object:
        known = {_kebab(field.name): field for field in fields(struct)}
        read = {
            known[key].name: self.read(known[key].type, member, _join(path, key))
            for key, member in self._members(node, path, known)
        }
        return {name: value for name, value in read.items() if value is not msgspec.UNSET}

    def _tuple(self, kinds: tuple[object, ...], node: Node, path: str) -> object:
        """A list; a value alone is a list of one."""
        items: list[Node] = node.value if isinstance(node, SequenceNode) else [node]
        if kinds[-1] is not Ellipsis:
            if len(items) != len(kinds):
                return self._wrong(path, f"expected a list of {len(kinds)}", node)
        else:
            kinds = kinds[:1] * len(items)
        read = [
            self.read(kind, item, f"{path}[{index}]")
            for index, (kind, item) in enumerate(zip(kinds, items, strict=True))
        ]
        return tuple(value for value in read if value is not msgspec.UNSET)

    def _mapping(self, kind: object, node: Node, path: str) -> object:
        read = {
            key: self.read(kind, member, _join(path, key))
            for key, member in self._members(node, path, None)
        }
        return {key: value for key, value in read.items() if value is not msgspec.UNSET}

    def _members(
        self, node: Node, path: str, known: Iterable[str] | None
    ) -> Iterator[tuple[str, Node]]:
        """Each key of `known` (None: any) with its node; the others are told of."""
        if not isinstance(node, MappingNode):
            self._wrong(path, "expected keys with values", node)
            return
        seen: set[str] = set()
        for key, _ in node.value:
            word = str(key.value)
            if word in seen and word != "<<":
                self._wrong(_join(path, word), "is given twice", key)
            seen.add(word)
        try:
            members = dict(_tree.members(node))
        except ValueError as error:
            self._wrong(path, str(error), node)
            return
        for key, member in members.items():
            if known is None or key in known:
                yield key, member
            else:
                self._unknown(key, member, path, known)

    # -- values -----------------------------------------------------------------------------------

    def _leaf(self, kind: object, node: Node, path: str) -> object:
        try:
            if kind is object:
                return _tree.plain(node)
            if not isinstance(node, ScalarNode):
                raise ValueError("expected a single value")
            text: str = node.value
            if kind is Secret:
                text = _VARIABLE.sub(self._variable, text)
            return _leaves.read(kind, text)
        except ValueError as error:
            return self._wrong(path, str(error), node)

    def _variable(self, match: re.Match[str]) -> str:
        value = self.environ.get(match[1])
        if value is None:
            raise ValueError(f"the environment variable {match[1]} is not set")
        return value

    # -- telling ----------------------------------------------------------------------------------

    def _wrong(self, path: str, message: str, node: Node) -> msgspec.UnsetType:
        self.problems.append(Problem(path, message, _tree.place(node)))
        return msgspec.UNSET

    def _is_bad(self, path: str) -> bool:
        return any(problem.path.startswith(path) for problem in self.problems)

    def _unknown(self, key: str, node: Node, path: str, known: Iterable[str]) -> None:
        near = get_close_matches(key, list(known), 1)
        message = f"unknown key; did you mean {near[0]}?" if near else "unknown key, ignored"
        self.warnings.append(Problem(_join(path, key), message, _tree.place(node)))

    def _remark(self, built: Section, path: str, node: Node, places: Mapping[str, Node]) -> None:
        """Pass on what `built` says of itself, unless the key in question is known to be wrong."""
        for key, message, warning in built.remarks():
            where = _join(path, key)
            if not self._is_bad(where):
                target = self.warnings if warning else self.problems
                target.append(Problem(where, message, _tree.place(places.get(key, node))))


def _targets(kind: type[Section]) -> Iterator[tuple[str, _Target]]:
    for field in fields(kind):
        marks = [mark for mark in get_args(field.type) if isinstance(mark, FieldsOf)]
        if marks and marks[0].beside:
            for override in fields(marks[0].struct):
                yield _kebab(override.name), _Target(field, override)
        else:
            yield field.encode_name, _Target(field)


def _without_none(kind: object) -> tuple[object, bool]:
    """The one type `kind` may have beside None, and whether it may be None."""
    if not isinstance(kind, UnionType):
        return kind, False
    (only,) = (arm for arm in get_args(kind) if arm is not NoneType)
    return only, True


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
