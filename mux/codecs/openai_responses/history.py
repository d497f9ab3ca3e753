"""The ``input`` of a request: items to system texts, messages and late tools.

Neighbouring items of the assistant become one message, its parts in the order of the items; a
message item of another phase begins a new one. Signatures that travelled in a reasoning item of
their own return to the part they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mux.codecs import _carried
from mux.codecs.openai_responses import client_tools, compaction
from mux.codecs.openai_responses._own import DIALECT, keep
from mux.codecs.openai_responses.items_in import (
    decode_content,
    decode_item,
    decode_output,
    is_assistants,
)
from mux.codecs.openai_responses.tools_in import decode_tools
from mux.ir import (
    JSON,
    Message,
    Object,
    Opaque,
    Part,
    Refusal,
    Role,
    ServerResult,
    ServerTool,
    Text,
    Tool,
)
from mux.wire import Doc

_OUTPUTS: Final = frozenset(
    {"function_call_output", "custom_tool_call_output", *client_tools.OUTPUTS}
)


class History:
    """Reads items in order. One per request; the fields are the result, after `close`.

    `late` holds the items that declare tools in the middle of the conversation, each with its
    place among all items: their tools are in `tools`, for other dialects to declare at the start.
    """

    def __init__(self) -> None:
        self.system: list[Text] = []
        self.messages: list[Message] = []
        self.tools: list[Tool | ServerTool] = []
        self.late: list[JSON] = []
        self._leading = True
        self._said: list[Part] = []
        self._phase = ""
        self._answers: list[Part] = []

    def add(self, place: int, item: Doc) -> None:
        """Take the next item. Raises `InvalidRequest`."""
        kind = item.get_str("type")
        if kind == "additional_tools":
            self.late.append({"at": place, "item": item.mapping()})
            self._declare(item)
        elif kind in _OUTPUTS:
            self._answer(item)
        elif kind in ("", "message"):
            self._message(place, item)
        elif is_assistants(kind):
            self._end_answers()
            self._said += decode_item(item, status=True)
        elif kind == "compaction":
            self._compaction(item)
        else:
            self._other(item)

    def close(self) -> None:
        """There are no more items."""
        self._end_said()
        self._end_answers()

    def _declare(self, item: Doc) -> None:
        self.tools += decode_tools(item.get_items("tools"), late=True)

    def _answer(self, item: Doc) -> None:
        result = decode_output(item)
        if item.get_str("type") == "tool_search_output":
            self._declare(item)
        if isinstance(result, ServerResult):
            self._end_answers()
            self._said.append(result)
            return
        self._end_said()
        self._answers.append(result)

    def _message(self, place: int, item: Doc) -> None:
        role = item.get_str("role")
        if not role and item.get("id") is not None:
            self._other(item)  # an item_reference may leave out its type
            return
        role = item.need("role").one_of("user", "assistant", "system", "developer")
        if role == "assistant":
            self._assistant(place, item)
            return
        self._end_said()
        self._end_answers()
        content, fields = self._split(item)
        if role == "user":
            self._push(Message(Role.USER, decode_content(content), ext=keep(fields)))
            return
        fields["role"] = role
        if "id" not in fields:
            fields["n"] = place
        parts = decode_content(content, fields)
        texts = [part for part in parts if isinstance(part, Text)]
        if self._leading and len(texts) == len(parts):
            self.system += texts
        else:
            self._push(Message(Role.SYSTEM, parts))

    def _assistant(self, place: int, item: Doc) -> None:
        self._end_answers()
        phase = item.get_str("phase")
        if phase != self._phase and any(isinstance(part, Text | Refusal) for part in self._said):
            self._end_said()
        self._phase = phase
        content, fields = self._split(item)
        if "id" not in fields:
            fields["n"] = place
        self._said += decode_content(content, fields)

    @staticmethod
    def _split(item: Doc) -> tuple[Doc, Object]:
        """The content of a message item, and its further fields."""
        content = item.get("content") or Doc([])
        return content, item.rest()

    def _compaction(self, item: Doc) -> None:
        """A summary of our own making is a system text; OpenAI's own nobody else can read."""
        summary = compaction.read(item.get_str("encrypted_content"))
        if not summary:
            self._other(item)
            return
        self._end_said()
        self._end_answers()
        self._push(Message(Role.SYSTEM, (Text(summary),)))

    def _other(self, item: Doc) -> None:
        self._end_said()
        self._end_answers()
        raw = item.mapping()
        if "type" not in raw:
            raw = {"type": "item_reference", **raw}
        self._push(Message(Role.USER, (Opaque(DIALECT, raw),)))

    def _push(self, message: Message) -> None:
        self.messages.append(message)
        self._leading = False

    def _end_said(self) -> None:
        if self._said:
            self._push(
                Message(Role.ASSISTANT, _carried.restore(self._said, DIALECT), phase=self._phase)
            )
        self._said, self._phase = [], ""

    def _end_answers(self) -> None:
        if self._answers:
            self._push(Message(Role.TOOL, tuple(self._answers)))
        self._answers = []


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
    history = History()
    if value is not None and isinstance(value.value, str):
        history.messages.append(Message(Role.USER, (Text(value.value),)))
        return history
    items: Iterable[Doc] = value.items() if value is not None else ()
    for place, item in enumerate(items):
        history.add(place, item)
    history.close()
    return history
