"""Every official SDK, through a real llm-mux, to upstreams that answer with recorded traffic."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests import recordings
from tests.contract.clients import CLIENTS, all_clients
from tests.contract.processes import llm_mux
from tests.contract.replay import replaying
from tests.corpus.test_across import calls_of, events_of, texts_of

pytestmark = recordings.needs_corpus

UPSTREAMS = ["openai_chat", "openai_responses", "anthropic", "gemini", "ollama"]
WANTED = (("tool_call",), ("thinking",), ("parallel_tool_calls",), ("unicode",), ())
"""A recording of each is taken, streamed and whole, where there is one."""
_UNWANTED = {
    "n>1",
    "custom_tool",
    "json_array_stream",
    "image_out",
    "audio_out",
    "int_enums",
    "finish:max_tokens",
    "finish:length",
    "finish:incomplete",
    "finish:refusal",
}

PROVIDER = """
  - type: {type}
    name: {name}
    base-url: "{url}"
    {extra}
    models: [{models}]
"""
TYPES = {
    "openai_chat": ("openai", "dialect: [openai_chat]", "/v1"),
    "openai_responses": ("openai", "dialect: [openai_responses]", "/v1"),
    "anthropic": ("anthropic", "", ""),
    "gemini": ("gemini", "", ""),
    "ollama": ("ollama", "", ""),
}


def chosen() -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for dialect in UPSTREAMS:
        for stream, features in itertools.product((True, False), WANTED):
            for exchange in recordings.exchanges(dialect):
                fits = exchange["stream"] is stream and set(features) <= set(exchange["features"])
                if not fits or exchange["status"] != 200 or _UNWANTED & set(exchange["features"]):
                    continue
                if recordings.variant(exchange) == "generate" or exchange in out.values():
                    continue
                out[f"{dialect}-{len(out)}"] = exchange
                break
    return out


CHOSEN = chosen()


@pytest.fixture(scope="module")
def sdks() -> Iterator[dict[str, Any]]:
    with replaying(CHOSEN) as url:
        providers = "".join(
            PROVIDER.format(
                type=TYPES[dialect][0],
                name=dialect.replace("_", "-"),
                url=url + TYPES[dialect][2],
                extra=TYPES[dialect][1],
                models=", ".join(
                    f"{{name: {name}}}" for name in CHOSEN if name.startswith(f"{dialect}-")
                ),
            )
            for dialect in UPSTREAMS
        )
        with (
            llm_mux("serve", config=f"providers:{providers}") as address,
            all_clients(address) as clients,
        ):
            yield clients


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", CHOSEN)
def test_P250_a_recorded_answer_reaches_the_client(sdks, client, name):
    from mux.ir import fold

    exchange = CHOSEN[name]
    expected = fold(events_of(exchange))
    sdk = sdks[client]
    stream = exchange["stream"]
    reply = sdk.ask(name, sdk.user("hello"), stream=stream, **sdk.tools(), **sdk.thinking())
    assert "".join(reply.text.split()) in texts_of(expected)
    made = [(name, json.loads(json.dumps(arguments))) for _, name, arguments in reply.calls]
    assert made == calls_of(expected)
