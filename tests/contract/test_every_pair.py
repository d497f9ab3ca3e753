"""Every official SDK, through a real llm-mux, to an upstream of every kind over real HTTP.

The upstreams are one demo server, asked in five dialects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.clients import CLIENTS, RESULT, TOOL_NAME, all_clients
from tests.contract.processes import UPSTREAMS, config_of_upstreams, llm_mux


@pytest.fixture(scope="module")
def sdks() -> Iterator[dict[str, Any]]:
    """The clients of a server whose upstreams are another server."""
    with (
        llm_mux("demo") as upstream,
        llm_mux("serve", config=config_of_upstreams(upstream)) as url,
        all_clients(url) as clients,
    ):
        yield clients


pair = pytest.mark.parametrize(
    ("client", "upstream", "stream"),
    [
        pytest.param(client, upstream, stream, id=f"{client}-{upstream}-{kind}")
        for client in CLIENTS
        for upstream in UPSTREAMS
        for stream, kind in ((False, "whole"), (True, "stream"))
    ],
)


@pair
def test_text(sdks, client, upstream, stream):
    sdk = sdks[client]
    reply = sdk.ask(f"via-{upstream}", sdk.user("Grüße aus Wien 🎡"), stream=stream)
    assert "Grüße aus Wien 🎡" in reply.text
    assert reply.calls == []


@pair
def test_a_tool_loop(sdks, client, upstream, stream):
    sdk = sdks[client]
    turns = sdk.user(f"Please use the {TOOL_NAME} tool.")
    reply = sdk.ask(f"via-{upstream}", turns, stream=stream, **sdk.tools())
    [(_, name, arguments)] = reply.calls
    assert name == TOOL_NAME
    assert isinstance(arguments["city"], str)
    after = sdk.ask(f"via-{upstream}", sdk.answered(turns, reply), stream=stream, **sdk.tools())
    assert RESULT in after.text
    assert after.calls == []


@pair
def test_thinking(sdks, client, upstream, stream):
    sdk = sdks[client]
    turns = sdk.user("Think about it: what is a mux?")
    reply = sdk.ask(f"via-{upstream}", turns, stream=stream, **sdk.thinking())
    assert reply.thinking
    assert reply.text
    assert reply.thinking not in reply.text


@pair
def test_thinking_with_tools_over_two_turns(sdks, client, upstream, stream):
    sdk = sdks[client]
    extra = {**sdk.tools(), **sdk.thinking()}
    turns = sdk.user(f"Think, then use the {TOOL_NAME} tool.")
    reply = sdk.ask(f"via-{upstream}", turns, stream=stream, **extra)
    assert [name for _, name, _ in reply.calls] == [TOOL_NAME]
    after = sdk.ask(f"via-{upstream}", sdk.answered(turns, reply), stream=stream, **extra)
    assert RESULT in after.text


@pair
def test_structured_output(sdks, client, upstream, stream):
    sdk = sdks[client]
    reply = sdk.ask(f"via-{upstream}", sdk.user("Where to?"), stream=stream, **sdk.structured())
    answer = json.loads(reply.text)
    assert isinstance(answer["city"], str)
    assert isinstance(answer["days"], int)
