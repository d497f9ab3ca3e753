"""Fields that are looked for at once are those that are then asked for one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mux.codecs import _openai_fields
from mux.codecs.anthropic import request_in as anthropic
from mux.codecs.openai_chat import reasoning, request_in
from mux.wire import Doc


class Asked(Doc):
    """Notes the names of the members it is asked for."""

    def get(self, *keys: str) -> Doc | None:
        self.names |= {*keys}
        return super().get(*keys)

    def need_str(self, key: str) -> str:
        self.names.add(key)
        return super().need_str(key)


@pytest.mark.parametrize(
    ("decode", "names", "one"),
    [
        (_openai_fields.decode_sampling, _openai_fields._SAMPLING, {"temperature": 0.5}),
        (reasoning.decode_reasoning, reasoning._FIELDS, {"reasoning_effort": "low"}),
        (lambda doc: anthropic._options(doc, {}), anthropic._OPTIONS, {"top_k": 1}),
        (request_in._tools, request_in._TOOLS, {"tools": []}),
        (lambda doc: request_in._options(doc, {}), request_in._OPTIONS, {"store": True}),
    ],
)
def test_no_field_is_overlooked(
    decode: Callable[[Doc], object], names: frozenset[str], one: dict[str, Any]
) -> None:
    doc = Asked(one)
    doc.names = set()
    decode(doc)
    assert doc.names == names
