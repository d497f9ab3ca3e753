"""Errors Claude Code acts upon, whatever provider they come from."""

from __future__ import annotations

import json

import pytest

from mux.codecs import CODECS
from mux.errors import ErrorKind, MuxError
from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway

OVERFLOWS = {
    "openai_chat": {
        "error": {
            "message": "This model's maximum context length is 128000 tokens. However, your "
            "messages resulted in 130000 tokens.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
    "openai_responses": {
        "error": {
            "message": "Your input exceeds the context window of this model. Please adjust your "
            "input and try again.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "context_length_exceeded",
        }
    },
    "anthropic": {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "prompt is too long: 210000 tokens > 200000 maximum",
        },
    },
    "gemini": {
        "error": {
            "code": 400,
            "message": "The input token count (1200000) exceeds the maximum number of tokens "
            "allowed (1048576).",
            "status": "INVALID_ARGUMENT",
        }
    },
    "ollama": {"error": "the input length exceeds the context length"},
}


@pytest.mark.parametrize("upstream", sorted(OVERFLOWS))
def test_P113_every_overflow_makes_claude_code_compact(upstream):
    body = json.dumps(OVERFLOWS[upstream]).encode()
    error = CODECS[upstream].client.decode_error(400, body, {})
    assert (error.kind, error.status) == (ErrorKind.CONTEXT_LENGTH, 400)
    told = json.loads(CODECS["anthropic"].server.encode_error(error))["error"]
    assert told["type"] == "invalid_request_error"
    assert told["message"].lower().count("prompt is too long") == 1
    assert told["message"].startswith("prompt is too long: ")


ASK = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
BUSY = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'


async def test_P112_anthropics_own_overload_reaches_its_clients_as_it_is(autojump_clock):
    transport = ScriptedTransport(Script(BUSY, status=529))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "anthropic"), call("anthropic", ASK))
    native = caught.value.native
    assert native is not None
    assert (native.status, json.loads(native.body)) == (529, json.loads(BUSY))


@pytest.mark.parametrize(
    ("upstream", "status"), [("openai", 503), ("gemini", 503), ("ollama", 503)]
)
async def test_P112_overloads_elsewhere_are_told_in_anthropics_words(
    upstream, status, autojump_clock
):
    transport = ScriptedTransport(*(Script(b'{"error":{}}', status=status) for _ in range(9)))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, upstream), call("anthropic", ASK))
    error = caught.value
    told = json.loads(CODECS["anthropic"].server.encode_error(error))
    assert (error.status, told["error"]["type"]) == (503, "overloaded_error")
