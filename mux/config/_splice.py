"""Changed values put into YAML text at their places; every other byte stays as it was.

A round trip through an emitter keeps most comments and normalises the rest: it moves those behind
a deleted key away with the key, and writes indents and quotes its own way. So values are compared
with what they were, and only the text of those that differ is replaced. Comments on lines of their
own always stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, cast

import yaml
from yaml import MappingNode, Node, SequenceNode

from mux.config import _tree
from mux.config.problems import ConfigError
from mux.ir import JSON, Object

_STEP: Final = 2
"""How much deeper a new block stands than its key."""

_COMMENT_AFTER: Final = re.compile(r"[ \t]*(#[^\n]*)?(?=\n|\Z)")


class Tangled(Exception):
    """The text is written in a way that its places cannot be told, as with anchors and merges."""


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def splice(text: str, before: Object, after: Object) -> str:
    """`text`, which holds `before`, so that it holds `after`. Raises `Tangled`."""
    if text and not text.endswith("\n"):
        text += "\n"
    root = _tree.parse(text)
    if root is None or _tree.is_null(root):
        return text + (_dump(after) if after else "")
    if not isinstance(root, MappingNode) or root.flow_style or not after:
        raise Tangled
    new = {key: value for key, value in after.items() if key not in before}
    kept = {key: value for key, value in after.items() if key in before}
    writer = _Writer(text)
    writer.change(root, before, kept)
    edited = writer.result()
    for key, value in new.items():
        edited = _with_key(edited, key, value)
    if _value(edited) != _value(_dump(after)):
        raise Tangled
    return edited


def _with_key(text: str, key: str, value: JSON) -> str:
    """`text` with a new key: behind the line that shows it as a comment, else at the end."""
    block = _dump({key: value})
    shown = re.search(rf"^# ?{re.escape(key)}:.*\n", text, re.MULTILINE)
    at = shown.end() if shown else len(text)
    if shown and not _between_keys(text, at):
        at = len(text)
    return text[:at] + block + text[at:]


def _between_keys(text: str, at: int) -> bool:
    """Whether a top-level key may be written at `at`."""
    following = re.compile(r"^(?![ \t]*(?:#|$))(.)", re.MULTILINE).search(text, at)
    return following is None or following[1] not in " -\t]}"


def _value(text: str) -> object:
    try:
        node = _tree.parse(text)
        return _tree.plain(node) if node is not None else None
    except (ConfigError, ValueError):
        raise Tangled from None


def _same(one: JSON, other: JSON) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


class _Writer:
    """Collects the edits to one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._edits: list[_Edit] = []

    def result(self) -> str:
        """The text with all edits made."""
        text = self._text
        for start, end, new in sorted(self._edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def change(self, node: Node, old: JSON, new: JSON, *, flow: bool = False) -> bool:
        """Make `node`, which holds `old`, hold `new`; False if only its parent can."""
        if _same(old, new):
            return True
        if isinstance(node, MappingNode) and isinstance(old, dict) and isinstance(new, dict):
            return self._mapping(node, old, new, flow or bool(node.flow_style))
        if isinstance(node, SequenceNode) and isinstance(old, list) and isinstance(new, list):
            return self._sequence(node, old, new, flow or bool(node.flow_style))
        if _is_block(node) or (not flow and _is_large(new)):
            return False
        self._put(node.start_mark.index, self._end(node), _flow(new))
        return True

    # -- mappings ---------------------------------------------------------------------------------

    def _mapping(self, node: MappingNode, old: Object, new: Object, flow: bool) -> bool:
        pairs = _pairs(node, old)
        if flow and list(new) != list(old):
            self._put(node.start_mark.index, self._end(node), _flow(new))
            return True
        gone = [key for key in old if key not in new]
        added = {key: value for key, value in new.items() if key not in old}
        if not new or not old or (gone and not self._own_line(pairs[gone[0]][0])):
            return False
        for key, (key_node, value_node) in pairs.items():
            if key in gone:
                self._drop_lines(key_node.start_mark.index, self._end(value_node))
            elif not self.change(value_node, old[key], new[key], flow=flow):
                self._rewrite(key_node, value_node, new[key])
        if added:
            last = list(pairs.values())[-1]
            indent = next(iter(pairs.values()))[0].start_mark.column
            self._insert(self._end(last[1]), _indented(_dump(added), indent))
        return True

    def _rewrite(self, key_node: Node, value_node: Node, new: JSON) -> None:
        """Give a key of a block mapping a value of another form."""
        text = self._text
        colon = text.find(":", self._end(key_node)) + 1
        end = max(self._end(value_node), colon)
        if not _is_block(value_node):  # one line, or nothing, becomes several
            rest = _COMMENT_AFTER.match(text, end)
            if rest is None:
                raise Tangled
            keep = rest[0] if rest[1] else ""
            self._put(colon, rest.end(), keep.rstrip() + "\n" + self._below(key_node, new))
            return
        rest = _COMMENT_AFTER.match(text, colon)
        if rest is None:  # an anchor or a tag
            raise Tangled
        if _is_large(new):
            self._put(self._line(value_node.start_mark.index), end, self._below(key_node, new))
        else:
            self._put(colon, colon, f" {_flow(new)}")
            self._drop_lines(value_node.start_mark.index, end)

    def _below(self, key_node: Node, new: JSON) -> str:
        return _indented(_dump(new), key_node.start_mark.column + _STEP).rstrip("\n")

    # -- sequences --------------------------------------------------------------------------------

    def _sequence(self, node: SequenceNode, old: list[JSON], new: list[JSON], flow: bool) -> bool:
        items = cast("list[Node]", node.value)
        if len(items) != len(old):
            raise Tangled
        if flow and len(new) != len(old):
            self._put(node.start_mark.index, self._end(node), _flow(new))
            return True
        if not new or not old:
            return False
        first = 0
        while first < min(len(old), len(new)) and _same(old[first], new[first]):
            first += 1
        last = 0
        while last < min(len(old), len(new)) - first and _same(old[-1 - last], new[-1 - last]):
            last += 1
        changed = list(zip(items, old, strict=True))[first : len(old) - last]
        wanted = new[first : len(new) - last]
        for (item, was), value in zip(changed, wanted, strict=False):
            if not self.change(item, was, value, flow=flow):
                start = item.start_mark.index
                body = _indented(_dump(value), item.start_mark.column).strip()
                self._put(start, self._end(item), body)
        for item, _ in changed[len(wanted) :]:
            self._drop_lines(self._dash(item), self._end(item))
        if more := wanted[len(changed) :]:
            after = items[first + len(changed) - 1] if first or changed else None
            self._insert_items(items, after, more)
        return True

    def _insert_items(self, items: list[Node], after: Node | None, more: list[JSON]) -> None:
        dash = self._dash(items[0])
        indent = dash - self._line(dash)
        text = _indented(_dump(more), indent)
        if after is None:
            start = self._line(dash)
            self._put(start, start, text)
        else:
            self._insert(self._end(after), text)

    def _dash(self, item: Node) -> int:
        """Where the ``-`` of a block sequence's item is."""
        at = self._text.rfind("-", 0, max(item.start_mark.index, 1))
        if at < 0 or self._text[self._line(at) : at].strip():
            raise Tangled
        return at

    # -- places -----------------------------------------------------------------------------------

    def _put(self, start: int, end: int, text: str) -> None:
        self._edits.append(_Edit(start, end, text))

    def _insert(self, end: int, lines: str) -> None:
        """Put `lines` below the line that `end` is in."""
        at = self._text.index("\n", end) + 1
        self._put(at, at, lines)

    def _drop_lines(self, start: int, end: int) -> None:
        self._put(self._line(start), self._text.index("\n", end) + 1, "")

    def _line(self, at: int) -> int:
        """Where the line of `at` begins."""
        return self._text.rfind("\n", 0, at) + 1

    def _own_line(self, node: Node) -> bool:
        at = node.start_mark.index
        return not self._text[self._line(at) : at].strip()

    def _end(self, node: Node) -> int:
        """Where the last value of `node` ends; what comes behind is space and comments."""
        if _is_block(node):
            last = node.value[-1]
            return self._end(last[1] if isinstance(node, MappingNode) else last)
        end: int = node.end_mark.index
        start: int = node.start_mark.index
        return start + len(self._text[start:end].rstrip())


def _pairs(node: MappingNode, old: Iterable[str]) -> dict[str, tuple[Node, Node]]:
    pairs = cast("list[tuple[Node, Node]]", node.value)
    found = {str(key.value): (key, value) for key, value in pairs}
    if list(found) != list(old) or len(found) != len(pairs):
        raise Tangled
    return found


def _is_block(node: Node) -> bool:
    return isinstance(node, MappingNode | SequenceNode) and not node.flow_style


def _is_large(value: JSON) -> bool:
    """Whether `value` is written on lines of its own."""
    return isinstance(value, dict | list) and bool(value)


def _flow(value: JSON) -> str:
    """`value` on one line, as it may stand inside of a list or a mapping on one line."""
    return _dump([value], flow=True).strip()[1:-1]


def _dump(value: JSON, *, flow: bool = False) -> str:
    return yaml.safe_dump(  # pyright: ignore[reportUnknownMemberType]
        value, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=1 << 20
    )


def _indented(text: str, indent: int) -> str:
    return "".join(f"{' ' * indent}{line}" for line in text.splitlines(keepends=True))
