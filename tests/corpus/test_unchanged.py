"""Nobody changes a decoded request: what its messages mean is shared with later requests."""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest

from mux.codecs import CODECS
from mux.errors import MuxError
from mux.ir import Abilities, Request
from tests import recordings
from tests.laws.test_prefix import MODELS

ABILITIES = (*MODELS.values(), Abilities(cache_control=False, custom_tools=True))


def unchanged(request: Request) -> bool:
    """Whether `request` is what it was after it has been encoded for every upstream."""
    before = msgspec.msgpack.encode(request)
    for codec in CODECS.values():
        for abilities in ABILITIES:
            with suppress(MuxError):
                codec.client.encode_request(request, abilities)
    return msgspec.msgpack.encode(request) == before


@recordings.needs_corpus
@pytest.mark.parametrize("dialect", sorted(CODECS))
def test_no_encoder_changes_a_recorded_request(dialect):
    for exchange in recordings.exchanges(dialect):
        body, variant = json.dumps(exchange["request"]).encode(), recordings.variant(exchange)
        with suppress(MuxError):
            request = CODECS[dialect].server.decode_request(
                body, model=recordings.model(exchange), variant=variant
            )
            assert unchanged(request), exchange["id"]


MARK = {"type": "ephemeral"}
NESTED = [{"type": "text", "text": "found", "cache_control": MARK}]
HELD = [
    {"type": "search_result", "source": "s", "title": "t", "content": NESTED},
    {"type": "container_upload", "file_id": "f", "content": NESTED, "cache_control": MARK},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": NESTED},
    {"type": "tool_result", "tool_use_id": "t", "content": NESTED, "cache_control": MARK},
    {"type": "unheard_of", "content": NESTED, "cache_control": MARK},
]


@pytest.mark.parametrize("block", HELD, ids=lambda block: block["type"])
def test_breakpoints_taken_out_of_a_body_stay_in_the_request(block):
    tools = [
        {"type": "web_search_20250305", "name": "web_search", "cache_control": MARK},
        {"name": "look", "input_schema": {"type": "object"}, "cache_control": MARK},
    ]
    body = json.dumps(
        {
            "model": "m",
            "max_tokens": 5,
            "system": [{"type": "text", "text": "s", "cache_control": MARK}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, block]}],
            "tools": tools,
        }
    )
    assert unchanged(CODECS["anthropic"].server.decode_request(body.encode()))
