"""Any history, of any client, is put in a form that strict upstreams take.

The validators know what each API refuses; they share no code with the codecs.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from mux.codecs import CODECS
from mux.ir import Message, Part, Text, Thinking, ToolCall
from mux.models import Catalog
from tests.laws.test_prefix import REQUESTS, conversations
from tests.strict.dialects import VALIDATORS

MODELS = [
    ("anthropic", "anthropic", "claude-opus-4-1"),
    ("anthropic", "anthropic", "claude-sonnet-4-6"),
    ("anthropic", "anthropic", "claude-sonnet-5-5"),
    ("gemini", "gemini", "gemini-2.5-pro"),
    ("gemini", "gemini", "gemini-3-pro-preview"),
    ("ollama", "ollama", "qwen3-vl"),
    ("openai", "openai_chat", "gpt-4o"),
    ("openai", "openai_responses", "gpt-5.6-sol"),
]


@pytest.mark.parametrize(("kind", "dialect", "model"), MODELS)
@settings(max_examples=60, deadline=None)
@given(request=REQUESTS, conversation=conversations())
def test_a_strict_upstream_finds_no_fault(kind, dialect, model, request, conversation):
    messages = tuple(_elsewhere(message) for turn in conversation for message in turn)
    if request.origin == dialect:
        return  # what a client says in the upstream's own words is left as it is
    request = replace(request, model=model, messages=messages)
    client = CODECS[dialect].client
    body = client.encode_request(request, Catalog().abilities(kind, model)).body
    assert VALIDATORS[dialect](client.path(request), json.loads(body)) == []


def _elsewhere(message: Message) -> Message:
    """`message` without what a chat host signed: it goes back to that very host alone, and the
    gateway takes it away from all others."""
    return replace(message, parts=tuple(map(_unsigned, message.parts)))


def _unsigned(part: Part) -> Part:
    if not isinstance(part, Text | Thinking | ToolCall) or part.signature is None:
        return part
    return replace(part, signature=None) if part.signature.dialect == "openai_chat" else part
