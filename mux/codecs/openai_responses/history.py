"""The ``input`` of a request: items to system texts, messages and late tools.

Neighbouring items of the assistant become one message, its parts in the order of the items; a
message item of another phase begins a new one. Signatures that travelled in a reasoning item of
their own return to the part they belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final

from mux.codecs import _carried
from mux.codecs.openai_responses._own import DIALECT
from mux.codecs.openai_responses.input_items import Item, read_item
from mux.ir import JSON, Message, Part, Refusal, Role, ServerTool, Text, Tool
from mux.wire import Doc, Shared

_MANY_ITEMS: Final = 16
_LIMIT_BYTES: Final = 16 * 1024 * 1024


class History:
    """Reads items in order. One per request; the fields are the result, after `close`.

    `remembers`: the items are an agent's, and the same ones make the same messages again.
    `late` holds the items that declare tools in the middle of the conversation, each with its
    place among all items: their tools are in `tools`, for other dialects to declare at the start.
    """

    def __init__(self, *, remembers: bool = False) -> None:
        self._remembers = remembers
        self.system: list[Text] = []
        self.messages: list[Message] = []
        self.tools: list[Tool | ServerTool] = []
        self.late: list[JSON] = []
        self._leading = True
        self._said: list[Part] = []
        self._phase = ""
        self._answers: list[Part] = []

    def add(self, place: int, doc: Doc) -> None:
        """Take the next item. Raises `InvalidRequest`."""
        item = read_item(doc, place)
        self.tools += item.tools
        if item.late is not None:
            self.late.append(item.late)
        elif item.role is Role.ASSISTANT:
            self._assistant(item)
        elif item.role is Role.TOOL:
            self._end_said()
            self._answers += item.parts
        else:
            self._end_said()
            self._end_answers()
            if item.leads and self._leading:
                self.system += [part for part in item.parts if isinstance(part, Text)]
            else:
                self._push((item,), lambda: Message(item.role, item.parts, ext=item.ext))

    def close(self) -> None:
        """There are no more items."""
        self._end_said()
        self._end_answers()

    def _assistant(self, item: Item) -> None:
        self._end_answers()
        if item.phase is not None:
            spoken = any(isinstance(part, Text | Refusal) for part in self._said)
            if item.phase != self._phase and spoken:
                self._end_said()
            self._phase = item.phase
        self._said += item.parts

    def _push(
        self, objects: tuple[object, ...], make: Callable[[], Message], how: Hashable = None
    ) -> None:
        """Add the message to `make` of `objects`."""
        message = _MESSAGES.find(objects, how) if self._remembers else None
        if message is None:
            message = make()
            if self._remembers:
                _MESSAGES.keep(objects, message, how)
        self.messages.append(message)
        self._leading = False

    def _end_said(self) -> None:
        if said := tuple(self._said):
            phase = self._phase
            self._push(
                said,
                lambda: Message(Role.ASSISTANT, _carried.restore(said, DIALECT), phase=phase),
                (Role.ASSISTANT, phase),
            )
        self._said, self._phase = [], ""

    def _end_answers(self) -> None:
        if answers := tuple(self._answers):
            self._push(answers, lambda: Message(Role.TOOL, answers), Role.TOOL)
        self._answers = []


_MESSAGES: Final = Shared[Message](_LIMIT_BYTES)


def merge_tools(
    declared: Iterable[Tool | ServerTool], late: Iterable[Tool | ServerTool]
) -> tuple[Tool | ServerTool, ...]:
    """All tools of a request. Those at the top win over later ones of the same name."""
    out = list(declared)
    known = {(tool.namespace, tool.name) for tool in out if isinstance(tool, Tool)}
    for tool in late:
        if isinstance(tool, Tool):
            if (tool.namespace, tool.name) in known:
                continue
            known.add((tool.namespace, tool.name))
        elif tool in out:
            continue
        out.append(tool)
    return tuple(out)


def decode_input(value: Doc | None) -> History:
    """The history in ``input``: a string, or items. Raises `InvalidRequest`."""
    if value is not None and isinstance(value.value, str):
        history = History()
        history.messages.append(Message(Role.USER, (Text(value.value),)))
        return history
    items = value.items() if value is not None else []
    history = History(remembers=len(items) >= _MANY_ITEMS)
    for place, item in enumerate(items):
        history.add(place, item)
    history.close()
    return history
