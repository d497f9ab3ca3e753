"""Requests that programs really sent: the second of a tool loop keeps every byte of the first.

Whatever provider they are translated to (translation spec section 13).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.ir import Request
from mux.models import Catalog
from mux.server import endpoints
from tests.conftest import SHARED

CLIENTS = SHARED / "clients"
FILES = sorted(path.stem for path in CLIENTS.glob("*.jsonl")) if CLIENTS.is_dir() else []
MODELS = {
    "anthropic": ("anthropic", "claude-opus-5", "messages"),
    "gemini": ("gemini", "gemini-3-pro-preview", "contents"),
    "ollama": ("ollama", "qwen3-vl", "messages"),
    "openai_chat": ("openai", "gpt-4o", "messages"),
    "openai_responses": ("openai", "gpt-5.6-sol", "input"),
}


def asked(line: str) -> Request | None:
    sent = json.loads(line)
    body = sent["body"]
    has_tools = body.get("tools") or "additional_tools" in json.dumps(body)
    if sent["case"] != "read_two_parallel" or not has_tools:
        return None  # the title of the conversation is asked for apart
    _, model = endpoints.find(sent["method"], sent["path"])
    dialect = endpoints.dialect_of(sent["path"], sent["headers"])
    data = json.dumps(body).encode()
    return CODECS[dialect].server.decode_request(data, model=model or "m", stream=True)


@pytest.mark.parametrize("upstream", sorted(MODELS))
@pytest.mark.parametrize("name", FILES)
def test_the_next_request_of_a_program_begins_with_the_last(name, upstream):
    lines = (CLIENTS / f"{name}.jsonl").read_text().splitlines()
    requests = [request for line in lines if (request := asked(line)) is not None]
    kind, model, field = MODELS[upstream]
    bodies: list[dict[str, Any]] = []
    for request in requests[-2:]:
        client = CODECS[upstream].client
        body = client.encode_request(request, Catalog().abilities(kind, model)).body
        bodies.append(json.loads(body, object_hook=_unmarked))
    first, second = bodies
    turns, longer = (json.dumps(body.pop(field)) for body in bodies)
    assert len(longer) > len(turns)
    assert longer.startswith(turns.removesuffix("]"))
    for part in ("system", "instructions", "systemInstruction", "tools"):
        assert json.dumps(first.get(part)) == json.dumps(second.get(part))


def _unmarked(fields: dict[str, Any]) -> dict[str, Any]:
    marks = ("cache_control", "prompt_cache_breakpoint")
    return {key: value for key, value in fields.items() if key not in marks}


def test_the_programs_are_there():
    if not FILES:
        pytest.skip("no recorded programs beside this checkout")
    assert len(FILES) > 15
